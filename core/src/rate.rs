//! How many may come in a second: a bucket that fills evenly, holds one second's worth, and may be overdrawn once.
//!
//! Invariants: over any stretch of time no more pass than `rate` times the seconds, one second's worth and one request's
//! size; one that asks for more than a second's worth passes when the bucket is full to the last one, and those after
//! it wait for what it took. Whoever is refused took nothing.

use std::num::NonZeroU32;

/// Millionths: a bucket fills by `rate` of them in a microsecond.
const ONE: i128 = 1_000_000;

/// A bucket. Time is in microseconds of a monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: NonZeroU32,
    /// In millionths; below zero after something larger than what was left.
    filled: i128,
    at: u64,
}

/// Too many came: so long there is nothing for anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Whole seconds until one fits again, at least 1.
    pub retry_after: u32,
}

impl Bucket {
    /// A full bucket for `rate` a second.
    #[must_use]
    pub fn full(rate: NonZeroU32, now: u64) -> Self {
        Self {
            rate,
            filled: i128::from(rate.get()) * ONE,
            at: now,
        }
    }

    /// Takes `count`.
    ///
    /// # Errors
    /// [`TooMany`] if not even one is left.
    pub fn take(&mut self, count: u32, now: u64) -> Result<(), TooMany> {
        self.fill(now);
        if self.filled < ONE {
            let missing = ONE - self.filled;
            let per_second = i128::from(self.rate.get()) * ONE;
            let seconds = (missing + per_second - 1) / per_second;
            return Err(TooMany {
                retry_after: u32::try_from(seconds).unwrap_or(u32::MAX),
            });
        }
        self.filled -= i128::from(count) * ONE;
        Ok(())
    }

    /// Whether nothing was taken for so long that it is as good as new.
    pub fn is_full(&mut self, now: u64) -> bool {
        self.fill(now);
        self.filled == self.most()
    }

    fn most(&self) -> i128 {
        i128::from(self.rate.get()) * ONE
    }

    /// A clock that stands still or goes back fills nothing.
    fn fill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let added = i128::from(passed) * i128::from(self.rate.get());
        self.filled = (self.filled + added).min(self.most());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    fn bucket(rate: u32) -> Bucket {
        Bucket::full(NonZeroU32::new(rate).unwrap(), 0)
    }

    #[test]
    fn p2_a_second_s_worth_passes_at_once_and_then_as_many_as_the_rate_says() {
        let mut bucket = bucket(10);
        for _ in 0..10 {
            bucket.take(1, 0).unwrap();
        }
        assert_eq!(bucket.take(1, 0), Err(TooMany { retry_after: 1 }));
        assert_eq!(
            bucket.take(1, SECOND / 10 - 1),
            Err(TooMany { retry_after: 1 })
        );
        bucket.take(1, SECOND / 10).unwrap();
        assert_eq!(bucket.take(1, SECOND / 10), Err(TooMany { retry_after: 1 }));
    }

    #[test]
    fn p2_a_large_batch_passes_once_and_is_waited_for() {
        let mut bucket = bucket(100);
        bucket.take(1_000, 0).unwrap();
        assert_eq!(bucket.take(1, 0), Err(TooMany { retry_after: 10 }));
        assert_eq!(bucket.take(1, 9 * SECOND), Err(TooMany { retry_after: 1 }));
        bucket.take(1, 9 * SECOND + SECOND / 100).unwrap();
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let mut bucket = bucket(1);
        bucket.take(1, 5 * SECOND).unwrap();
        assert_eq!(bucket.take(1, 0), Err(TooMany { retry_after: 1 }));
        assert_eq!(bucket.take(1, 5 * SECOND), Err(TooMany { retry_after: 1 }));
        bucket.take(1, 6 * SECOND).unwrap();
    }

    proptest! {
        #[test]
        fn p2_never_more_than_the_rate_a_second_s_worth_and_one_request(
            rate in 1_u32..5_000,
            asked in prop::collection::vec((0_u64..300_000, 1_u32..50), 1..200),
        ) {
            let mut bucket = bucket(rate);
            let (mut now, mut passed) = (0_u64, 0_u64);
            for (pause, count) in asked {
                now += pause;
                if bucket.take(count, now).is_ok() {
                    passed += u64::from(count);
                }
            }
            let most = u64::from(rate) * now / SECOND + u64::from(rate) + 50;
            prop_assert!(passed <= most, "{passed} of {most}");
        }

        #[test]
        fn p2_who_waits_as_long_as_was_said_passes(rate in 1_u32..5_000, count in 1_u32..100_000) {
            let mut bucket = bucket(rate);
            bucket.take(count, 0).unwrap();
            if let Err(TooMany { retry_after }) = bucket.take(1, 0) {
                prop_assert!(bucket.take(1, u64::from(retry_after) * SECOND).is_ok());
            }
        }
    }
}
