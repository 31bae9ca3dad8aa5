//! How many may come in some time: a bucket that fills evenly, holds as many as may come at once, and may be overdrawn once.
//!
//! Invariants: over any stretch of time no more pass than the rate says, one bucket's worth, and one request's size; one that
//! asks for more than a bucket holds passes when even one is there, and those after it wait for what it took. Whoever is
//! refused took nothing.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    /// In microseconds.
    period: NonZeroU64,
}

impl Rate {
    /// `count` in a second.
    #[must_use]
    pub fn per_second(count: NonZeroU32) -> Self {
        Self::per(count, Duration::from_secs(1))
    }

    /// `count` in `period`, to the microsecond.
    #[must_use]
    pub fn per(count: NonZeroU32, period: Duration) -> Self {
        let micros = u64::try_from(period.as_micros()).ok();
        Self {
            count,
            period: micros.and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MIN),
        }
    }

    /// One, as the bucket counts: it fills by `count` in a microsecond.
    fn one(self) -> i128 {
        i128::from(self.period.get())
    }

    fn most(self) -> i128 {
        i128::from(self.count.get()) * self.one()
    }
}

/// A bucket. Time is in microseconds of a monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: Rate,
    /// Below zero after something larger than what was left.
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
    /// A full bucket.
    #[must_use]
    pub fn full(rate: Rate, now: u64) -> Self {
        Self {
            rate,
            filled: rate.most(),
            at: now,
        }
    }

    /// Takes `count`.
    ///
    /// # Errors
    /// [`TooMany`] if not even one is left.
    pub fn take(&mut self, count: u32, now: u64) -> Result<(), TooMany> {
        self.fill(now);
        let one = self.rate.one();
        if self.filled < one {
            let missing = one - self.filled;
            let per_second = i128::from(self.rate.count.get()) * 1_000_000;
            let seconds = (missing + per_second - 1) / per_second;
            return Err(TooMany {
                retry_after: u32::try_from(seconds).unwrap_or(u32::MAX),
            });
        }
        self.filled -= i128::from(count) * one;
        Ok(())
    }

    /// Whether nothing was taken for so long that it is as good as new.
    pub fn is_full(&mut self, now: u64) -> bool {
        self.fill(now);
        self.filled == self.rate.most()
    }

    /// A clock that stands still or goes back fills nothing.
    fn fill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let added = i128::from(passed) * i128::from(self.rate.count.get());
        self.filled = (self.filled + added).min(self.rate.most());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    fn bucket(rate: u32) -> Bucket {
        Bucket::full(Rate::per_second(NonZeroU32::new(rate).unwrap()), 0)
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
    fn s24_ten_a_minute_are_ten_at_once_and_then_one_every_six_seconds() {
        let ten = NonZeroU32::new(10).unwrap();
        let mut bucket = Bucket::full(Rate::per(ten, Duration::from_secs(60)), 0);
        for _ in 0..10 {
            bucket.take(1, 0).unwrap();
        }
        assert_eq!(bucket.take(1, 0), Err(TooMany { retry_after: 6 }));
        bucket.take(1, 6 * SECOND).unwrap();
        assert!(bucket.take(1, 11 * SECOND).is_err());
        assert!(!bucket.is_full(60 * SECOND) && bucket.is_full(66 * SECOND));
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
