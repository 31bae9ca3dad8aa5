//! What this process has done since it started, counted for whoever watches it.
//!
//! Counting is a relaxed addition and never a lock, since it stands on the path of every event. The counts are the process's
//! ([`COUNTS`]), like its memory and its handles: two servers in one process, which only tests have, share them.
//!
//! Every figure that is served stands in [`TABLE`] with its name, kind, unit and meaning; [`text`] writes nothing else.
//! Deliberately absent: labels for organizations and endpoints, of which there may be a hundred thousand (the API's statistics
//! are for those), and gauges of the store and the engine, which are asked when somebody looks.

pub mod otlp;
mod process;
mod table;
pub mod text;

pub use process::{Process, Space, process, space};
pub use table::{Kind, Metric, TABLE};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// At zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds that many.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that is under way: counted from [`Level::enter`] until what that gives is dropped.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// Nothing is under way.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more, until the answer is dropped.
    pub fn enter(&'static self) -> Within {
        self.0.fetch_add(1, Ordering::Relaxed);
        Within(self)
    }

    /// How many there are now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One that is under way.
#[derive(Debug)]
pub struct Within(&'static Level);

impl Drop for Within {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Times by length. `N` bounds, in microseconds, growing; what is longer than the last is counted, too.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    within: [Counter; N],
    beyond: Counter,
    micros: Counter,
}

impl<const N: usize> Histogram<N> {
    /// Without any time in it.
    pub const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            within: [const { Counter::new() }; N],
            beyond: Counter::new(),
            micros: Counter::new(),
        }
    }

    /// Adds a time.
    pub fn note(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = self.bounds.iter().position(|bound| micros <= *bound);
        place
            .and_then(|place| self.within.get(place))
            .unwrap_or(&self.beyond)
            .add(1);
        self.micros.add(micros);
    }

    /// Bounds in seconds, each with how many times were at most that long; then all of them, and their sum in seconds.
    pub fn read(&self) -> Times {
        let mut sum = 0;
        let mut steps = Vec::with_capacity(N);
        for (bound, within) in self.bounds.iter().zip(&self.within) {
            sum += within.get();
            steps.push((*bound as f64 / 1e6, sum));
        }
        let all = sum + self.beyond.get();
        (steps, all, self.micros.get() as f64 / 1e6)
    }
}

/// Times by length as [`Histogram::read`] gives them: bounds with how many were within, all, and their sum.
pub type Times = (Vec<(f64, u64)>, u64, f64);

/// Takes figures down, in the order of the table, each once.
pub trait Figures {
    /// A figure without a label.
    fn figure(&mut self, name: &str, value: f64);
    /// A figure for each value of its label.
    fn figures(&mut self, name: &str, values: &mut dyn Iterator<Item = (&str, f64)>);
    /// Times by length.
    fn times(&mut self, name: &str, times: Times);
}

/// What becomes of a posted event.
pub const ANSWERS: [&str; 4] = ["accepted", "repeated", "conflict", "refused"];

/// How an attempt ends, as `Outcome::class` names it; the frequent ones first.
pub const OUTCOMES: [&str; 18] = [
    "success",
    "status",
    "header_timeout",
    "connect_timeout",
    "body_timeout",
    "refused",
    "redirect",
    "dns",
    "unreachable",
    "tls",
    "reset_before_headers",
    "reset_in_body",
    "protocol",
    "too_large",
    "egress_denied",
    "own_resources",
    "own_shutdown",
    "own_network",
];

/// How a delivery ends.
pub const ENDS: [&str; 3] = ["delivered", "exhausted", "cancelled"];

/// The counters of one label, one for each of its values.
#[derive(Debug)]
pub struct Labelled<const N: usize> {
    values: &'static [&'static str; N],
    counts: [Counter; N],
}

impl<const N: usize> Labelled<N> {
    /// All at zero.
    pub const fn new(values: &'static [&'static str; N]) -> Self {
        Self {
            values,
            counts: [const { Counter::new() }; N],
        }
    }

    /// Adds so many of that value; one that is not in the list is a defect and counted nowhere.
    pub fn add(&self, value: &str, more: u64) {
        let place = self.values.iter().position(|known| *known == value);
        debug_assert!(place.is_some(), "{value} is not counted");
        if let Some(count) = place.and_then(|place| self.counts.get(place)) {
            count.add(more);
        }
    }

    /// Each value with its count.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.values
            .iter()
            .copied()
            .zip(self.counts.iter().map(Counter::get))
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Counts {
    /// Posted events by what became of them ([`ANSWERS`]).
    pub events: Labelled<4>,
    /// Answers of API and console by the first digit of their status, from 1 on.
    pub answers: [Counter; 5],
    /// Attempts by how they ended ([`OUTCOMES`]).
    pub attempts: Labelled<18>,
    /// How long attempts took.
    pub attempt_time: Histogram<12>,
    /// How long after it was due an attempt began.
    pub attempt_lateness: Histogram<12>,
    /// Deliveries that rest, by how ([`ENDS`]).
    pub ends: Labelled<3>,
    /// Deliveries that a large fan-out made after its event was acknowledged.
    pub fanned_out: Counter,
    /// Attempts under way: to endpoints that answer, and to those whose last tries timed out.
    pub in_flight: [Level; 2],
    /// How long commits took, sync included.
    pub commit_time: Histogram<12>,
    /// Transactions that were undone because the database failed.
    pub commit_failures: Counter,
    /// Spans of traces that were not exported.
    pub spans_dropped: Counter,
}

const MILLISECOND: u64 = 1_000;
/// From a fast receiver to a hair above the deadline of 3 s (W17).
const ATTEMPT_BOUNDS: [u64; 12] = [
    MILLISECOND,
    2_500,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    1_000 * MILLISECOND,
    2_000 * MILLISECOND,
    3_100 * MILLISECOND,
];
/// From at once to a backlog of an hour.
const LATENESS_BOUNDS: [u64; 12] = [
    MILLISECOND,
    5 * MILLISECOND,
    25 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    1_000 * MILLISECOND,
    5_000 * MILLISECOND,
    15_000 * MILLISECOND,
    60_000 * MILLISECOND,
    300_000 * MILLISECOND,
    900_000 * MILLISECOND,
    3_600_000 * MILLISECOND,
];
/// From a good SSD to a disk in trouble.
const COMMIT_BOUNDS: [u64; 12] = [
    100,
    250,
    500,
    MILLISECOND,
    2_500,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    1_000 * MILLISECOND,
    5_000 * MILLISECOND,
];

/// This process's counts.
pub static COUNTS: Counts = Counts {
    events: Labelled::new(&ANSWERS),
    answers: [const { Counter::new() }; 5],
    attempts: Labelled::new(&OUTCOMES),
    attempt_time: Histogram::new(ATTEMPT_BOUNDS),
    attempt_lateness: Histogram::new(LATENESS_BOUNDS),
    ends: Labelled::new(&ENDS),
    fanned_out: Counter::new(),
    in_flight: [const { Level::new() }; 2],
    commit_time: Histogram::new(COMMIT_BOUNDS),
    commit_failures: Counter::new(),
    spans_dropped: Counter::new(),
};

impl Counts {
    /// An answer with that status.
    pub fn answered(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(count) = self.answers.get(class) {
            count.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tidings_core::outcome::{Failure, Outcome, OwnFault};

    #[test]
    fn a_time_is_counted_within_each_bound_that_it_keeps() {
        let times = Histogram::new([1_000, 10_000]);
        for millis in [0, 1, 2, 10, 11, 5_000] {
            times.note(Duration::from_millis(millis));
        }
        let (steps, all, seconds) = times.read();
        assert_eq!(steps, [(0.001, 2), (0.01, 4)]);
        assert_eq!(all, 6);
        assert!((seconds - 5.024).abs() < 1e-9);
    }

    #[test]
    fn what_is_under_way_ends_when_it_is_dropped() {
        static LEVEL: Level = Level::new();
        let one = LEVEL.enter();
        let two = LEVEL.enter();
        assert_eq!(LEVEL.get(), 2);
        drop(one);
        assert_eq!(LEVEL.get(), 1);
        drop(two);
        assert_eq!(LEVEL.get(), 0);
    }

    #[test]
    fn every_outcome_has_its_counter() {
        let own = [OwnFault::Resources, OwnFault::Shutdown, OwnFault::Network];
        let all = Failure::ALL
            .map(Outcome::Failed)
            .into_iter()
            .chain(own.map(Outcome::OwnFault))
            .chain([200, 301, 404].map(Outcome::Status));
        let mut classes: Vec<_> = all.map(Outcome::class).collect();
        let mut counted = OUTCOMES.to_vec();
        classes.sort_unstable();
        counted.sort_unstable();
        assert_eq!(classes, counted);
    }
}
