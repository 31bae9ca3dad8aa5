//! One attempt as a task: made by the transport, logged, and brought back with its delivery.
//!
//! Invariants: a delivery that went in comes out, even when the transport panics; one line in the log per
//! attempt, which names the host and never the URL's path or query, the headers or the body.

use super::Transport;
use crate::clock::Clock;
use crate::metrics::COUNTS;
use crate::store::directory::Endpoint;
use crate::store::queue::{Answer, AttemptRecord, Job, Timing};
use crate::traces::{self, Kind, Span, Tracer, Value};
use std::any::Any;
use std::borrow::Cow;
use std::cell::LazyCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tidings_core::delivery::{Next, Shown};
use tidings_core::outcome::{Outcome, OwnFault, Verdict};
use tidings_core::retry;
use tidings_core::time::Timestamp;
use tokio::sync::mpsc;

/// An attempt that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) record: Box<AttemptRecord>,
}

/// Starts attempts.
pub(super) struct Attempts<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    transport: Arc<T>,
    clock: Clock,
    ended: mpsc::Sender<Ended>,
}

impl<T: Transport> Attempts<T> {
    /// Attempts that are brought back over `ended`, which has room for all that can be in flight.
    pub(super) fn new(transport: Arc<T>, clock: Clock, ended: mpsc::Sender<Ended>) -> Self {
        Self {
            shared: Arc::new(Shared {
                transport,
                clock,
                ended,
            }),
        }
    }

    /// Starts one.
    pub(super) fn start(&self, job: Job, endpoint: Arc<Endpoint>) {
        let shared = Arc::clone(&self.shared);
        let [answering, hanging] = &COUNTS.in_flight;
        let level = match job.reservation.is_slow() {
            true => hanging,
            false => answering,
        };
        let under_way = level.enter();
        tokio::spawn(async move {
            let started_at = shared.clock.now();
            let record = {
                // Pinned here and lent: as an argument it would have its place in the task twice.
                let attempt = pin!(async { shared.transport.attempt(&job, &endpoint).await });
                caught(attempt).await
            };
            let record = record.unwrap_or_else(|panic| ours(&job, &endpoint, started_at, &panic));
            drop(under_way);
            count(&record);
            trace(&job, &endpoint, &record);
            log(&job, &endpoint, &record);
            let record = Box::new(record);
            // The driver outlives the attempts it waits for; if it is gone, the lease brings the delivery back.
            let _gone = shared.ended.send(Ended { job, record }).await;
        });
    }
}

/// What a panic said, if it said anything.
type Panic = Box<dyn Any + Send>;

/// The future's output, or its panic.
fn caught<F: Future>(mut future: Pin<&mut F>) -> impl Future<Output = Result<F::Output, Panic>> {
    poll_fn(
        move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
}

/// The record of an attempt that failed inside this server: it does not count (W20).
fn ours(job: &Job, endpoint: &Endpoint, started_at: Timestamp, panic: &Panic) -> AttemptRecord {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default();
    tracing::error!(delivery = %job.delivery, said, "an attempt panicked: a defect of this server");
    AttemptRecord {
        number: job.progress.attempts.saturating_add(1),
        started_at,
        lateness: started_at.since(job.due_at),
        timing: Timing::default(),
        outcome: Outcome::OwnFault(OwnFault::Resources),
        detail: String::from("the attempt failed inside this server"),
        endpoint_version: endpoint.version,
        timestamp: started_at.as_seconds(),
        vomo_signature: String::new(),
        webhook_signature: String::new(),
        peer: None,
        answer: Answer::default(),
    }
}

fn count(record: &AttemptRecord) {
    COUNTS.attempts.add(record.outcome.class(), 1);
    COUNTS.attempt_time.note(record.timing.total);
    COUNTS.attempt_lateness.note(record.lateness);
}

/// The attempt as a span, where traces are on.
fn trace(job: &Job, endpoint: &Endpoint, record: &AttemptRecord) {
    let Some(tracer) = traces::tracer() else {
        return;
    };
    let Some(trace) = tracer.of(job.delivery.event) else {
        return;
    };
    let text = |text: &dyn std::fmt::Display| Value::Text(text.to_string());
    let mut attributes = vec![
        ("http.request.method", text(&"POST")),
        ("server.address", text(&endpoint.url.host())),
        ("tidings.delivery", text(&job.delivery)),
        ("tidings.attempt", Value::Number(record.number.into())),
        (
            "tidings.organization",
            Value::Number(job.organization.get()),
        ),
        ("tidings.type", text(&job.wire_type)),
        ("tidings.outcome", text(&record.outcome.class())),
    ];
    if let Some(status) = record.outcome.status() {
        attributes.push(("http.response.status_code", Value::Number(status.into())));
    }
    if let Some(peer) = record.peer {
        attributes.push(("network.peer.address", text(&peer.ip())));
    }
    let failed = record.outcome.verdict() != Verdict::Success;
    tracer.end(Span {
        trace: trace.id,
        id: Tracer::attempt(job.delivery, record.number),
        parent: Some(trace.root),
        name: Cow::Borrowed("send"),
        kind: Kind::Client,
        time: (
            record.started_at,
            record.started_at.plus(record.timing.total),
        ),
        attributes,
        failed: failed.then(|| format!("{} {}", record.outcome.class(), record.detail)),
    });
}

/// What becomes of the delivery: the word for it, and how long until the next try. The dispatcher decides the same
/// a moment later.
fn next(job: &Job, record: &AttemptRecord) -> (&'static str, Option<Duration>) {
    let ended_at = record.started_at.plus(record.timing.total);
    match retry::next(job.progress, record.outcome, ended_at).1 {
        Next::Rest(resting) => (Shown::Resting(resting).name(), None),
        Next::DueAt(due) => ("waiting", Some(due.since(ended_at))),
    }
}

/// The one wide line per attempt: a success is for `tidings::attempt=debug`, since there may be tens of
/// thousands a second; anything else is news.
fn log(job: &Job, endpoint: &Endpoint, record: &AttemptRecord) {
    // Milliseconds with three places.
    let millis = |part: Duration| part.as_micros() as f64 / 1_000.0;
    let next = LazyCell::new(|| next(job, record));
    let trace = || traces::tracer()?.of(job.delivery.event);
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "tidings::attempt",
                $level,
                event = %job.delivery.event,
                delivery = %job.delivery,
                organization = job.organization.get(),
                endpoint = %job.delivery.endpoint,
                r#type = &*job.wire_type,
                number = record.number,
                outcome = record.outcome.class(),
                status = record.outcome.status(),
                detail = record.detail,
                host = endpoint.url.authority(),
                peer = record.peer.map(tracing::field::display),
                late_ms = millis(record.lateness),
                dns_ms = record.timing.dns.map(millis),
                connect_ms = record.timing.connect.map(millis),
                tls_ms = record.timing.tls.map(millis),
                first_byte_ms = record.timing.first_byte.map(millis),
                total_ms = millis(record.timing.total),
                next = next.0,
                next_try_s = next.1.map(|wait| wait.as_secs()),
                trace = trace().map(|trace| tracing::field::display(trace.id)),
                "attempt"
            )
        };
    }
    match record.outcome.verdict() {
        Verdict::Success => line!(tracing::Level::DEBUG),
        Verdict::Failure | Verdict::NotCounted => line!(tracing::Level::INFO),
    }
}
