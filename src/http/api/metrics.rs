//! What this node does and how it is, for Prometheus.
//!
//! Counts are this process's; what the store says is asked anew each time, within [`PATIENCE`]. When it does not answer, that is
//! said (`tidings_store_up 0`), and what waits goes on ageing from what was known last: that is when it matters.

use super::super::Shared;
use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use crate::metrics::text::{MEDIA_TYPE, Text};
use crate::metrics::{COUNTS, Counter, Figures, process, space};
use crate::store::health::Health;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tidings_core::time::Timestamp;
use tokio::time::timeout;

/// How long the store may take to answer; a scrape has ten seconds.
const PATIENCE: Duration = Duration::from_secs(2);

const CODES: usize = Code::ALL.len();
static PROBLEMS: [Counter; CODES] = [const { Counter::new() }; CODES];

/// An answer was this problem.
pub(in crate::http) fn note_problem(code: Code) {
    if let Some(count) = PROBLEMS.get(code as usize) {
        count.add(1);
    }
}

/// What is asked when somebody looks.
#[derive(Debug, Default)]
pub(in crate::http) struct Watched {
    /// The data directory, whose disk is watched.
    data: Option<PathBuf>,
    /// What the store said last.
    health: Mutex<Option<Health>>,
}

impl Watched {
    /// With the data directory, where there is one.
    pub fn new(data: Option<PathBuf>) -> Self {
        Self {
            data,
            health: Mutex::default(),
        }
    }
}

/// Metrics for Prometheus, in its text format. For operators; without a key on `telemetry.metrics_listen`.
#[utoipa::path(get, path = "/metrics", tag = "health", security(("key" = ["operator"])),
    responses((status = 200, description = "Prometheus text format 0.0.4", body = String, content_type = "text/plain")))]
pub(in crate::http) async fn get_metrics(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    call.no_query()?;
    let reply = Reply::text(StatusCode::OK, written(&call.api).await);
    Ok(reply.with(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)))
}

/// As Prometheus reads them.
pub(in crate::http) async fn written(api: &Shared) -> String {
    let mut text = Text::default();
    write(api, &mut text).await;
    text.finish()
}

/// Everything, in the order of the table.
pub(in crate::http) async fn write(api: &Shared, text: &mut (dyn Figures + Send)) {
    text.figures("tidings_build_info", &mut [(api.version, 1.0)].into_iter());
    text.figures("tidings_events_total", &mut floats(COUNTS.events.read()));
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter();
    let answers = classes.zip(COUNTS.answers.iter().map(Counter::get));
    text.figures("tidings_http_answers_total", &mut floats(answers));
    let problems = Code::ALL.iter().zip(&PROBLEMS);
    let problems = problems.map(|(code, count)| (code.name(), count.get()));
    text.figures(
        "tidings_problems_total",
        &mut floats(problems.filter(|(_, count)| *count > 0)),
    );
    text.figure("tidings_fanned_out_total", COUNTS.fanned_out.get() as f64);
    engine(text, api);
    let answered = timeout(PATIENCE, api.store.health()).await;
    let health = match &answered {
        Ok(Ok(health)) => Some(health.clone()),
        Ok(Err(_)) | Err(_) => None,
    };
    let up = health.is_some();
    let known = {
        let mut last = api
            .watched
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if up {
            *last = health;
        }
        last.clone()
    };
    store(text, (known, up), api.clock.now());
    machine(text, api);
}

fn engine(text: &mut dyn Figures, api: &Shared) {
    text.figures(
        "tidings_attempts_total",
        &mut floats(COUNTS.attempts.read()),
    );
    text.times("tidings_attempt_seconds", COUNTS.attempt_time.read());
    text.times(
        "tidings_attempt_lateness_seconds",
        COUNTS.attempt_lateness.read(),
    );
    text.figures(
        "tidings_deliveries_ended_total",
        &mut floats(COUNTS.ends.read()),
    );
    let [answering, hanging] = &COUNTS.in_flight;
    text.figures(
        "tidings_attempts_in_flight",
        &mut [
            ("answering", answering.get() as f64),
            ("timing_out", hanging.get() as f64),
        ]
        .into_iter(),
    );
    if let Some(load) = api.console.engine.as_ref().map(|engine| engine.load()) {
        text.figure("tidings_attempt_slots", load.slots as f64);
        text.figure("tidings_engine_running", f64::from(u8::from(load.running)));
        text.figure("tidings_deliveries_waiting_in_memory", load.waiting as f64);
    }
}

fn store(text: &mut dyn Figures, (health, up): (Option<Health>, bool), now: Timestamp) {
    if let Some(health) = &health {
        let late = health
            .oldest_due
            .map_or(Duration::ZERO, |due| now.since(due));
        text.figure("tidings_queue_oldest_due_seconds", late.as_secs_f64());
        text.figure("tidings_queue_endpoints_due", health.endpoints_due as f64);
        text.figure("tidings_list_lag_seconds", health.list_lag.as_secs_f64());
    }
    text.figure("tidings_store_up", f64::from(u8::from(up)));
    if let Some(bytes) = health.as_ref().and_then(|health| health.bytes) {
        text.figure("tidings_store_bytes", bytes as f64);
    }
    text.times("tidings_store_commit_seconds", COUNTS.commit_time.read());
    text.figure(
        "tidings_store_failures_total",
        COUNTS.commit_failures.get() as f64,
    );
    if let Some(health) = &health {
        let alive = health.nodes.iter().filter(|node| node.alive).count();
        let gone = health.nodes.len() - alive;
        text.figures(
            "tidings_nodes",
            &mut [("held", alive as f64), ("ran_out", gone as f64)].into_iter(),
        );
    }
}

fn machine(text: &mut dyn Figures, api: &Shared) {
    if let Some(disk) = api.watched.data.as_deref().and_then(space) {
        text.figure("tidings_disk_free_bytes", disk.free);
        text.figure("tidings_disk_bytes", disk.total);
    }
    text.figure(
        "tidings_spans_dropped_total",
        COUNTS.spans_dropped.get() as f64,
    );
    let process = process();
    for (name, value) in [
        ("process_resident_memory_bytes", process.resident),
        ("process_cpu_seconds_total", process.cpu),
        ("process_open_fds", process.open),
        ("process_max_fds", process.may_open),
        ("process_start_time_seconds", process.started),
    ] {
        if let Some(value) = value {
            text.figure(name, value);
        }
    }
}

fn floats<'a>(
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> impl Iterator<Item = (&'a str, f64)> {
    counts.map(|(value, count)| (value, count as f64))
}
