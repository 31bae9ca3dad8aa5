//! Statistics over time: what is counted, in which steps, and what is read from the counts.
//!
//! Counts are kept per bucket of ten minutes. Each attempt counts once by the class of its outcome, and once by how long
//! its answer took, if a whole one came; each delivery counts when it comes to rest. Latencies are kept in steps of a
//! third to a half, so a percentile is right to within such a step.

use crate::delivery::{Next, Resting};
use crate::outcome::{Failure, Outcome, OwnFault};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds of one bucket.
pub const BUCKET_SECONDS: i64 = 600;

/// Upper ends of the latency steps, in milliseconds; the last step has none.
pub const LATENCY_BOUNDS: [u32; 24] = [
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
    2560, 3072,
];

/// The number of a bucket: tens of minutes since 1970.
pub const fn bucket_of(at: Timestamp) -> i64 {
    at.as_seconds().div_euclid(BUCKET_SECONDS)
}

/// When a bucket begins.
pub const fn bucket_start(bucket: i64) -> Timestamp {
    Timestamp::from_millis(bucket.saturating_mul(BUCKET_SECONDS * 1_000))
}

/// One thing that is counted, by the number under which it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Measure(u8);

impl Measure {
    /// Deliveries that arrived.
    pub const DELIVERED: Self = Self(200);
    /// Deliveries whose tries were used up.
    pub const EXHAUSTED: Self = Self(201);
    const LATENCY: u8 = 100;
    const FAILURES: u8 = 10;
    const OWN: u8 = 40;

    /// The class of an outcome.
    pub const fn of_outcome(outcome: Outcome) -> Self {
        Self(match outcome {
            Outcome::Status(200..=299) => 0,
            Outcome::Status(300..=399) => 1,
            Outcome::Status(_) => 2,
            Outcome::Failed(_) => Self::FAILURES + (outcome.code() - 1000) as u8,
            Outcome::OwnFault(_) => Self::OWN + (outcome.code() - 2000) as u8,
        })
    }

    /// The latency step of an answer.
    pub fn of_latency(took: Duration) -> Self {
        let micros = took.as_micros();
        let step = LATENCY_BOUNDS
            .iter()
            .position(|bound| micros <= u128::from(*bound) * 1_000)
            .unwrap_or(LATENCY_BOUNDS.len());
        Self(Self::LATENCY + step as u8)
    }

    /// How a delivery came to rest, if it did.
    pub const fn of_rest(next: &Next) -> Option<Self> {
        match next {
            Next::Rest(Resting::Delivered) => Some(Self::DELIVERED),
            Next::Rest(Resting::Exhausted) => Some(Self::EXHAUSTED),
            Next::Rest(Resting::Cancelled(_)) | Next::DueAt(_) => None,
        }
    }

    /// The number that is stored.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The measure of a stored number; what a later version wrote is counted as nothing.
    pub const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// The class of outcomes it counts, if it counts one.
    fn class(self) -> Option<&'static str> {
        let some = match self.0 {
            0 => Outcome::Status(200),
            1 => Outcome::Status(300),
            2 => Outcome::Status(500),
            code => {
                let failures = Failure::ALL.map(Outcome::Failed);
                let own = [OwnFault::Resources, OwnFault::Shutdown, OwnFault::Network];
                failures
                    .into_iter()
                    .chain(own.map(Outcome::OwnFault))
                    .find(|outcome| Self::of_outcome(*outcome).0 == code)?
            }
        };
        Some(some.class())
    }

    fn latency_step(self) -> Option<usize> {
        let step = usize::from(self.0.checked_sub(Self::LATENCY)?);
        (step <= LATENCY_BOUNDS.len()).then_some(step)
    }
}

/// Which time is asked for, and in which steps. Whole buckets, so that it may be a little wider than asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first bucket.
    pub first: i64,
    /// Buckets of one step; at least one.
    pub step: i64,
    /// How many steps.
    pub steps: usize,
}

impl Range {
    /// The most steps that are answered at once.
    pub const MOST: usize = 400;
    /// The steps that can be chosen, in seconds.
    pub const STEPS: [i64; 4] = [600, 3_600, 21_600, 86_400];

    /// From one moment to another in steps of so many seconds; `None` when there are too many, or the step is none of
    /// [`Range::STEPS`].
    pub fn new(from: Timestamp, to: Timestamp, step_seconds: i64) -> Option<Self> {
        if !Self::STEPS.contains(&step_seconds) {
            return None;
        }
        let step = step_seconds / BUCKET_SECONDS;
        let first = bucket_of(from).div_euclid(step) * step;
        let last = bucket_of(Timestamp::from_micros(to.as_micros().saturating_sub(1)));
        let steps = usize::try_from(last.saturating_sub(first).div_euclid(step) + 1).ok()?;
        (1..=Self::MOST)
            .contains(&steps)
            .then_some(Self { first, step, steps })
    }

    /// The smallest step that keeps a time to at most 150 steps.
    pub fn fitting(from: Timestamp, to: Timestamp) -> Option<Self> {
        Self::STEPS
            .into_iter()
            .filter_map(|step| Self::new(from, to, step))
            .find(|range| range.steps <= 150)
    }

    /// The first bucket after it.
    pub const fn end(&self) -> i64 {
        self.first
            .saturating_add(self.step.saturating_mul(self.steps as i64))
    }
}

/// What was counted in one step, or in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Deliveries that arrived.
    pub delivered: u64,
    /// Deliveries whose tries were used up.
    pub exhausted: u64,
    /// Attempts by the class of their outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    latency: [u64; LATENCY_BOUNDS.len() + 1],
}

impl Counts {
    /// Adds what a row says.
    pub fn add(&mut self, measure: Measure, count: u64) {
        match measure {
            Measure::DELIVERED => self.delivered += count,
            Measure::EXHAUSTED => self.exhausted += count,
            other => {
                if let Some(class) = other.class() {
                    *self.outcomes.entry(class).or_insert(0) += count;
                } else if let Some(slot) = other
                    .latency_step()
                    .and_then(|step| self.latency.get_mut(step))
                {
                    *slot += count;
                }
            }
        }
    }

    /// HTTP requests made.
    pub fn attempts(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Attempts that a 2xx came back for.
    pub fn received(&self) -> u64 {
        self.outcomes.get("success").copied().unwrap_or(0)
    }

    /// The latency that this share of whole answers did not pass, in milliseconds; `None` without any.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.latency.iter().sum();
        if all == 0 {
            return None;
        }
        let wanted = (all as f64 * share).max(1.0);
        let mut below = 0.0;
        let mut low = 0.0;
        let last = LATENCY_BOUNDS.last().copied().unwrap_or(0);
        for (step, count) in self.latency.iter().enumerate() {
            let high = f64::from(LATENCY_BOUNDS.get(step).copied().unwrap_or(last));
            let count = *count as f64;
            if below + count >= wanted {
                return Some(low + (high - low) * (wanted - below) / count);
            }
            below += count;
            low = high;
        }
        Some(f64::from(last))
    }
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Which time.
    pub range: Range,
    /// One for every step, in their order.
    pub points: Vec<Counts>,
    /// All of them together.
    pub total: Counts,
}

impl Series {
    /// Without anything counted.
    pub fn empty(range: Range) -> Self {
        Self {
            range,
            points: vec![Counts::default(); range.steps],
            total: Counts::default(),
        }
    }

    /// Adds what a row says; what lies outside is left out.
    pub fn add(&mut self, bucket: i64, measure: Measure, count: u64) {
        let step = bucket
            .saturating_sub(self.range.first)
            .div_euclid(self.range.step);
        let point = usize::try_from(step)
            .ok()
            .and_then(|step| self.points.get_mut(step));
        if let Some(point) = point {
            point.add(measure, count);
            self.total.add(measure, count);
        }
    }

    /// When a step begins.
    pub const fn starts_at(&self, step: usize) -> Timestamp {
        bucket_start(self.range.first + self.range.step * step as i64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn every_outcome_is_counted_under_its_class() {
        let own = [OwnFault::Resources, OwnFault::Shutdown, OwnFault::Network];
        let all = [200, 204, 301, 404, 500]
            .map(Outcome::Status)
            .into_iter()
            .chain(Failure::ALL.map(Outcome::Failed))
            .chain(own.map(Outcome::OwnFault));
        for outcome in all {
            let mut counts = Counts::default();
            let stored = Measure::of_outcome(outcome).code();
            counts.add(Measure::from_code(stored), 3);
            assert_eq!(
                counts.outcomes.get(outcome.class()),
                Some(&3),
                "{outcome:?}"
            );
            assert_eq!(counts.attempts(), 3);
        }
    }

    #[test]
    fn a_percentile_is_right_to_within_its_step() {
        let mut counts = Counts::default();
        assert_eq!(counts.percentile(0.5), None);
        for millis in 1..=1_000 {
            counts.add(Measure::of_latency(Duration::from_millis(millis)), 1);
        }
        for (share, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = counts.percentile(share).unwrap();
            assert!((found - exact).abs() / exact < 0.34, "{share}: {found}");
        }
        let mut late = Counts::default();
        late.add(Measure::of_latency(Duration::from_secs(9)), 1);
        assert_eq!(late.percentile(0.5), Some(3_072.0));
    }

    #[test]
    fn a_range_is_whole_buckets_and_bounded() {
        let from = Timestamp::parse_rfc3339("2026-03-01T12:05:00Z").unwrap();
        let hour = from.plus(Duration::from_secs(3_600));
        let range = Range::new(from, hour, 600).unwrap();
        assert_eq!((range.steps, range.end() - range.first), (7, 7));
        assert_eq!(
            bucket_start(range.first).rfc3339(),
            "2026-03-01T12:00:00.000Z"
        );
        assert_eq!(Range::new(from, hour, 601), None);
        let year = from.plus(Duration::from_secs(400 * 86_400));
        assert_eq!(Range::new(from, year, 86_400), None);
        assert_eq!(
            Range::fitting(from, from.plus(Duration::from_secs(86_400)))
                .unwrap()
                .step,
            1
        );
        let month = Range::fitting(from, from.plus(Duration::from_secs(30 * 86_400))).unwrap();
        assert_eq!((month.step, month.steps), (36, 121));
    }

    #[test]
    fn what_lies_outside_the_range_is_left_out() {
        let from = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let range = Range::new(from, from.plus(Duration::from_secs(1_200)), 600).unwrap();
        let mut series = Series::empty(range);
        for bucket in [range.first - 1, range.first, range.first + 1, range.end()] {
            series.add(bucket, Measure::DELIVERED, 1);
        }
        let delivered: Vec<u64> = series.points.iter().map(|point| point.delivered).collect();
        assert_eq!((delivered, series.total.delivered), (vec![1, 1], 2));
    }
}
