//! Every figure that is served: its name, what kind it is, its labels and what it means.
//!
//! Names follow Prometheus: base units (seconds, bytes), `_total` for what only grows. They are an interface: alerts and
//! dashboards hang on them.

/// How a figure behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Times by length.
    Histogram,
}

impl Kind {
    /// As Prometheus writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One figure, or one for each value of its label.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its label; empty without one.
    pub label: &'static str,
    /// What it means.
    pub help: &'static str,
}

macro_rules! table {
    ($($name:literal $kind:ident $label:literal $help:literal,)*) => {
        /// Every figure there is.
        pub const TABLE: &[Metric] = &[
            $(Metric { name: $name, kind: Kind::$kind, label: $label, help: $help },)*
        ];
    };
}

table! {
    "tidings_build_info" Gauge "version" "1; which version runs",
    "tidings_events_total" Counter "answer" "Posted events by what became of them; only accepted ones are stored. What the store could not take is a problem",
    "tidings_http_answers_total" Counter "class" "Answers of API and console by class of their status",
    "tidings_problems_total" Counter "code" "Answers of the API that were a problem, by its code",
    "tidings_fanned_out_total" Counter "" "Deliveries that large fan-outs made after their event was acknowledged",
    "tidings_attempts_total" Counter "outcome" "Attempts by how they ended",
    "tidings_attempt_seconds" Histogram "" "How long attempts took, from look-up to the answer's last byte",
    "tidings_attempt_lateness_seconds" Histogram "" "How long after it was due an attempt began",
    "tidings_deliveries_ended_total" Counter "state" "Deliveries that came to rest, by how, whoever put them there: results, sweeps, claims, erasing, retention. One that was sent again counts again",
    "tidings_attempts_in_flight" Gauge "endpoints" "Attempts under way: to endpoints that answer, and to those whose last tries timed out",
    "tidings_attempt_slots" Gauge "" "Attempts that may be under way at once (limits.attempts)",
    "tidings_engine_running" Gauge "" "1 while this node delivers",
    "tidings_deliveries_waiting_in_memory" Gauge "" "Deliveries in this node's memory that wait for a slot",
    "tidings_queue_oldest_due_seconds" Gauge "" "How long ago the oldest delivery became due that waits in the store and that no node holds; 0 without one",
    "tidings_queue_endpoints_due" Gauge "" "Endpoints with something due in the store that this node knows of",
    "tidings_list_lag_seconds" Gauge "" "How far the lists, which are written late, lie behind the newest event",
    "tidings_store_up" Gauge "" "1 when the store answered the last time it was asked",
    "tidings_store_bytes" Gauge "" "Bytes of the database and its log",
    "tidings_store_commit_seconds" Histogram "" "How long commits took, sync included",
    "tidings_store_failures_total" Counter "" "Transactions that were undone because the database failed",
    "tidings_nodes" Gauge "lease" "Nodes on this store, by whether their lease goes on; one that is gone without a stop counts for 15 min",
    "tidings_disk_free_bytes" Gauge "" "Bytes left on the data directory's disk; absent on PostgreSQL",
    "tidings_disk_bytes" Gauge "" "Size of the data directory's disk; absent on PostgreSQL",
    "tidings_spans_dropped_total" Counter "" "Spans of traces that did not reach the collector",
    "process_resident_memory_bytes" Gauge "" "Resident memory",
    "process_cpu_seconds_total" Counter "" "CPU time, user and system",
    "process_open_fds" Gauge "" "Open files and sockets",
    "process_max_fds" Gauge "" "Files and sockets that may be open",
    "process_start_time_seconds" Gauge "" "When the process started, in seconds since 1970",
}
