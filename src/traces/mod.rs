//! Traces for OpenTelemetry: what happened to one event, from its post to its last attempt, as spans of one trace.
//!
//! ```text
//! (the producer's span) ── accept ─┬─ store
//!                                  ├─ send (one for each attempt) ── settle
//!                                  └─ send …
//! ```
//!
//! Nothing of it is stored. The ids of spans, and of the trace where the producer gave none, are made from the event's id, so
//! that a retry after a restart belongs to the same trace; only that the producer had given one is forgotten then.
//! Switched off ([`tracer`] gives nothing) it costs one look. Switched on it never holds anything up: what does not fit in the
//! queue is dropped and counted.
//!
//! Deliberately absent: spans of anything but events. The metrics go to the same collector by a way of their own
//! (`metrics/otlp.rs`).

mod context;
pub mod export;

pub use context::{Context, SpanId, TraceId};

use crate::metrics::COUNTS;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use tidings_core::id::{DeliveryId, EventId};
use tidings_core::time::Timestamp;
use tokio::sync::mpsc;

/// Spans that wait to be exported.
pub const QUEUE: usize = 8_192;
/// Events whose producer's context is remembered: half of them at least, the last ones.
const REMEMBERED: usize = 32_768;

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// The process's tracer, if traces are switched on.
pub fn tracer() -> Option<&'static Tracer> {
    TRACER.get()
}

/// Switches traces on for the process; a second call changes nothing. Gives what is to be exported.
pub fn start(rules: Rules) -> Option<mpsc::Receiver<Span>> {
    let (queue, spans) = mpsc::channel(QUEUE);
    let tracer = Tracer {
        queue,
        rules,
        given: Mutex::default(),
    };
    TRACER.set(tracer).ok().map(|()| spans)
}

/// What is traced, and who is told.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Of a hundred traces that begin here, so many are kept. What a producer began is kept if the producer keeps it.
    pub percent: u8,
    /// Whether receivers get a `traceparent`.
    pub to_receivers: bool,
}

/// What a span is about, in OpenTelemetry's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something inside.
    Internal = 1,
    /// A request from outside.
    Server = 2,
    /// A request to the outside.
    Client = 3,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A number.
    Number(i64),
}

/// One span that is over.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its own id.
    pub id: SpanId,
    /// What it is part of.
    pub parent: Option<SpanId>,
    /// What was done.
    pub name: Cow<'static, str>,
    /// Inside, from outside, to the outside.
    pub kind: Kind,
    /// When it began and ended.
    pub time: (Timestamp, Timestamp),
    /// More about it.
    pub attributes: Vec<(&'static str, Value)>,
    /// What failed, if it failed.
    pub failed: Option<String>,
}

/// Makes spans.
#[derive(Debug)]
pub struct Tracer {
    queue: mpsc::Sender<Span>,
    rules: Rules,
    given: Mutex<Given>,
}

/// Two generations: when the young one is full, the old one is forgotten.
#[derive(Debug, Default)]
struct Given {
    young: HashMap<EventId, Context>,
    old: HashMap<EventId, Context>,
}

/// The trace of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Its id.
    pub id: TraceId,
    /// The span of its post, which everything else is part of.
    pub root: SpanId,
    /// The producer's span.
    pub parent: Option<SpanId>,
}

impl Tracer {
    /// The producer of `event` gave this context. Called before anything can happen to the event.
    pub fn remember(&self, event: EventId, context: Context) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.young.len() >= REMEMBERED / 2 {
            given.old = std::mem::take(&mut given.young);
        }
        given.young.insert(event, context);
    }

    /// The trace of `event`, if it is kept.
    pub fn of(&self, event: EventId) -> Option<Trace> {
        let given = {
            let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            let found = given.young.get(&event).or_else(|| given.old.get(&event));
            found.copied()
        };
        let root = SpanId::of(&[b"post", &event.raw().to_be_bytes()]);
        match given {
            Some(context) => context.sampled.then_some(Trace {
                id: context.trace,
                root,
                parent: Some(context.span),
            }),
            None => {
                let id = TraceId::of(event);
                id.is_kept(self.rules.percent).then_some(Trace {
                    id,
                    root,
                    parent: None,
                })
            }
        }
    }

    /// The id of the span of an attempt.
    pub fn attempt(delivery: DeliveryId, number: u32) -> SpanId {
        SpanId::of(&[
            b"send",
            &delivery.event.raw().to_be_bytes(),
            &delivery.endpoint.raw().to_be_bytes(),
            &number.to_be_bytes(),
        ])
    }

    /// The `traceparent` of an attempt's request, if receivers get one.
    pub fn for_receiver(&self, delivery: DeliveryId, number: u32) -> Option<String> {
        if !self.rules.to_receivers {
            return None;
        }
        let trace = self.of(delivery.event)?;
        Some(
            Context {
                trace: trace.id,
                span: Self::attempt(delivery, number),
                sampled: true,
            }
            .to_string(),
        )
    }

    /// A span is over.
    pub fn end(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            COUNTS.spans_dropped.add(1);
        }
    }

    /// An event was accepted: from when to when, and in between how long the store took.
    pub fn accepted(
        &self,
        event: EventId,
        (began, asked, stored): (Timestamp, Timestamp, Timestamp),
    ) {
        let Some(trace) = self.of(event) else {
            return;
        };
        let about = vec![("tidings.event", Value::Text(event.to_string()))];
        self.end(Span {
            trace: trace.id,
            id: SpanId::of(&[b"store", &event.raw().to_be_bytes()]),
            parent: Some(trace.root),
            name: Cow::Borrowed("store"),
            kind: Kind::Internal,
            time: (asked, stored),
            attributes: about.clone(),
            failed: None,
        });
        self.end(Span {
            trace: trace.id,
            id: trace.root,
            parent: trace.parent,
            name: Cow::Borrowed("accept"),
            kind: Kind::Server,
            time: (began, stored),
            attributes: about,
            failed: None,
        });
    }

    /// The result of an attempt was stored.
    pub fn settled(&self, (delivery, number): (DeliveryId, u32), time: (Timestamp, Timestamp)) {
        let Some(trace) = self.of(delivery.event) else {
            return;
        };
        let sent = Self::attempt(delivery, number);
        self.end(Span {
            trace: trace.id,
            id: SpanId::of(&[b"settle", &sent.bytes()]),
            parent: Some(sent),
            name: Cow::Borrowed("settle"),
            kind: Kind::Internal,
            time,
            attributes: vec![("tidings.delivery", Value::Text(delivery.to_string()))],
            failed: None,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn tracer(percent: u8) -> (Tracer, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(2);
        let rules = Rules {
            percent,
            to_receivers: false,
        };
        let given = Mutex::default();
        let tracer = Tracer {
            queue,
            rules,
            given,
        };
        (tracer, spans)
    }

    #[test]
    fn an_events_trace_is_its_producers_or_made_from_its_id() {
        let (tracer, _spans) = tracer(100);
        let event = EventId::from_raw(77);
        let own = tracer.of(event).unwrap();
        assert_eq!(tracer.of(event), Some(own));
        assert_ne!(tracer.of(EventId::from_raw(78)).unwrap().id, own.id);
        let context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = Context::parse(context).unwrap();
        tracer.remember(event, context);
        let given = tracer.of(event).unwrap();
        assert_eq!(
            (given.id, given.parent),
            (context.trace, Some(context.span))
        );
        assert_eq!(given.root, own.root);
        let not_kept = Context {
            sampled: false,
            ..context
        };
        tracer.remember(event, not_kept);
        assert_eq!(tracer.of(event), None);
    }

    #[test]
    fn a_share_of_the_traces_is_kept() {
        let kept = |percent| {
            let (tracer, _spans) = tracer(percent);
            let events = (1..=2_000).map(EventId::from_raw);
            events.filter(|event| tracer.of(*event).is_some()).count()
        };
        assert_eq!((kept(0), kept(100)), (0, 2_000));
        assert!((100..300).contains(&kept(10)), "{}", kept(10));
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (tracer, mut spans) = tracer(100);
        let now = Timestamp::from_millis(1);
        let before = COUNTS.spans_dropped.get();
        for event in 1..=3 {
            tracer.accepted(EventId::from_raw(event), (now, now, now));
        }
        assert!(COUNTS.spans_dropped.get() >= before + 4);
        assert_eq!(spans.try_recv().unwrap().name, "store");
    }
}
