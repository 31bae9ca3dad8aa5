//! The phases of a report: each is a round of the generator against either the receiver itself (the floor) or the
//! server, with what arrived collected and counted. The floor is measured in the same run with the same generator,
//! receiver, bodies and connections, so that the ratio does not hang on the machine.

use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;
use crate::load::{self, Load, Loaded, Pace, Target};
use crate::measure::{Latency, cpu_seconds};
use crate::payload::FIRST_SEQ;
use crate::receiver::{Arrivals, Receiver};
use crate::seqset::CAPACITY;

/// The usual silence before the rest counts as lost. Longer than the 10 s before a second try, so that a retried event
/// is late, not lost.
const QUIET: Duration = Duration::from_secs(15);

/// What a round measured.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// Posts made.
    pub posted: u64,
    /// Answered 2xx.
    pub accepted: u64,
    /// Answered something else.
    pub refused: u64,
    /// Of those, answered 429 or 503 with `Retry-After`.
    pub put_off: u64,
    /// Not answered.
    pub failed: u64,
    /// Different deliveries that arrived.
    pub arrived: u64,
    /// Accepted, yet never arrived.
    pub lost: u64,
    /// Arrivals beyond the first of an event.
    pub duplicates: u64,
    /// From the first post to the last arrival.
    pub seconds: f64,
    /// Events accepted per second, from the first post to the last 2xx.
    pub accepted_per_second: f64,
    /// Different deliveries that arrived per second, from the first post to the last arrival.
    pub arrived_per_second: f64,
    /// From the due time to the end of the 2xx.
    pub accept: Latency,
    /// From the due time to the receiver having the whole delivery.
    pub arrival: Latency,
    /// CPU of generator and receiver per arrived delivery, in microseconds.
    pub bench_cpu_us: Option<f64>,
    /// CPU of the server per arrived delivery, in microseconds; absent in the floor.
    pub server_cpu_us: Option<f64>,
}

/// What all rounds of a report share.
#[derive(Debug)]
pub struct Rounds {
    receiver: Receiver,
    connections: usize,
    body_bytes: usize,
    next_seq: u64,
    /// Silence after which what has not arrived is lost.
    pub quiet: Duration,
}

/// How a round is fired.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How fast.
    pub pace: Pace,
    /// Over how many connections.
    pub connections: usize,
    /// Events in one post.
    pub per_post: u64,
    /// Recipients each event has.
    pub recipients: u64,
    /// Recipients it reaches: those that do not hang.
    pub reached: u64,
    /// Whether the events are public.
    pub public: bool,
    /// Organizations they go round, 1 to 9.
    pub organizations: u8,
}

impl Shape {
    /// Single posts with one recipient.
    pub fn single(pace: Pace, connections: usize) -> Self {
        Self {
            pace,
            connections,
            per_post: 1,
            recipients: 1,
            reached: 1,
            public: false,
            organizations: 1,
        }
    }
}

/// What a round is fired at.
#[derive(Debug, Clone, Copy)]
pub enum At<'a> {
    /// Straight at the receiver.
    Floor,
    /// At a server that delivers to the receiver.
    Server {
        /// Where it takes events.
        target: &'a Target,
        /// Its process.
        pid: u32,
    },
}

impl Rounds {
    /// Rounds over `connections` connections with bodies of `body_bytes`.
    pub fn new(receiver: Receiver, connections: usize, body_bytes: usize) -> Self {
        Self {
            receiver,
            connections,
            body_bytes,
            next_seq: FIRST_SEQ,
            quiet: QUIET,
        }
    }

    /// Who the server is to deliver to.
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Numbers for events that are posted by hand.
    pub fn next_seq(&mut self) -> u64 {
        let first = self.next_seq;
        self.next_seq += CAPACITY;
        first
    }

    /// The same rounds with another receiver.
    pub fn with(&mut self, receiver: Receiver) -> Self {
        Self {
            receiver,
            connections: self.connections,
            body_bytes: self.body_bytes,
            next_seq: self.next_seq(),
            quiet: self.quiet,
        }
    }

    /// Runs one round; `phase` names it in an error.
    pub fn run(
        &mut self,
        phase: &'static str,
        at: At<'_>,
        pace: Pace,
    ) -> Result<Round, BenchError> {
        self.fire(phase, at, Shape::single(pace, self.connections))
    }

    /// Runs one round of that shape.
    pub fn fire(
        &mut self,
        phase: &'static str,
        at: At<'_>,
        shape: Shape,
    ) -> Result<Round, BenchError> {
        let (target, pid) = match at {
            At::Floor => (Target::new(&self.receiver.url(), None)?, None),
            At::Server { target, pid } => (target.clone(), Some(pid)),
        };
        let first_seq = self.next_seq();
        self.receiver.begin_for(first_seq, shape.recipients);
        let own = std::process::id();
        let (bench_before, server_before) = (cpu_seconds(own), pid.and_then(cpu_seconds));
        let load = Load {
            target,
            pace: shape.pace,
            connections: shape.connections,
            body_bytes: self.body_bytes,
            first_seq,
            per_post: shape.per_post,
            public: shape.public,
            organizations: shape.organizations,
        };
        let loaded = load::run(&load)?;
        let expected = loaded.accepted * shape.reached;
        let arrivals = self.receiver.collect(expected, self.quiet);
        let since = |before: Option<f64>, pid| Some(cpu_seconds(pid)? - before?);
        let (bench_cpu, server_cpu) = (
            since(bench_before, own),
            pid.and_then(|pid| since(server_before, pid)),
        );
        if loaded.accepted == 0 || arrivals.unique == 0 {
            let refusal = loaded
                .refusal
                .unwrap_or_else(|| "none: accepted, but nothing arrived".to_owned());
            return Err(BenchError::NothingThrough {
                phase,
                posted: loaded.posted,
                refusal,
            });
        }
        let mut round = Round::of(loaded, arrivals);
        if shape.recipients > 1 {
            round.lost = expected.saturating_sub(round.arrived);
        }
        let per_event = |seconds: f64| seconds * 1e6 / round.arrived as f64;
        (round.bench_cpu_us, round.server_cpu_us) =
            (bench_cpu.map(per_event), server_cpu.map(per_event));
        Ok(round)
    }
}

impl Round {
    fn of(loaded: Loaded, arrivals: Arrivals) -> Self {
        let seconds = |until_ns: u64| until_ns.saturating_sub(loaded.first_due_ns) as f64 / 1e9;
        let rate = |events: u64, seconds: f64| {
            if seconds > 0.0 {
                events as f64 / seconds
            } else {
                0.0
            }
        };
        Self {
            posted: loaded.posted,
            accepted: loaded.accepted,
            refused: loaded.refused,
            put_off: loaded.put_off,
            failed: loaded.failed,
            arrived: arrivals.unique,
            lost: loaded.accepted_set.missing_in(&arrivals.seen),
            // A stray is a late repetition out of an earlier round.
            duplicates: arrivals.duplicates + arrivals.strays,
            seconds: seconds(arrivals.last_ns),
            accepted_per_second: rate(loaded.accepted, seconds(loaded.last_accept_ns)),
            arrived_per_second: rate(arrivals.unique, seconds(arrivals.last_ns)),
            accept: Latency::of(loaded.accept_ns),
            arrival: Latency::of(arrivals.latency_ns),
            bench_cpu_us: None,
            server_cpu_us: None,
        }
    }
}
