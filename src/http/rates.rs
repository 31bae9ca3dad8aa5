//! How many events are taken in a second: in all, and of one organization (P2), off until an operator sets a limit; and how
//! many tests of one endpoint are sent in a minute (S24), and how many changes an organization's own people make: each leaves
//! an entry on the audit log, so without a limit they could fill the disk. Each of them has a limit of their own, so that nobody
//! uses up another's, and who may change nothing uses up nothing of the organization's.
//!
//! Invariants: an event over a limit is refused before anything of it is stored, with the seconds after which one fits
//! again; without limits nothing is counted. What is over the limit of all is refused before its body is parsed. Each
//! node counts for itself. Deliberately absent: limits on sending (W22 has none).

use super::auth::Who;
use super::code::Code;
use super::problem::Problem;
use crate::clock::Clock;
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::rate::{Bucket, Rate, TooMany};

/// Buckets that are kept without looking which are full.
const KEPT: usize = 4_096;
/// Tests of one endpoint in a minute: a test shows what came back, so it must not be a way to look around quickly.
const TESTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// And of all endpoints of one organization.
const TESTS_OF: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
const MINUTE: Duration = Duration::from_secs(60);
/// Changes that one key or member of an organization may ask for in an hour, and at once; operators' are not counted.
const CHANGES: NonZeroU32 = NonZeroU32::MIN.saturating_add(3_599);
/// And all administrators of one organization.
const CHANGES_OF: NonZeroU32 = NonZeroU32::MIN.saturating_add(35_999);
const HOUR: Duration = Duration::from_secs(3_600);

/// Events a second; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventRates {
    /// All together.
    pub total: Option<NonZeroU32>,
    /// Each organization's.
    pub per_organization: Option<NonZeroU32>,
}

/// Counts what comes.
#[derive(Debug)]
pub(super) struct Rates {
    clock: Clock,
    total: Option<Mutex<Bucket>>,
    per_organization: Option<(NonZeroU32, Buckets<OrganizationId>)>,
    tests: Buckets<EndpointId>,
    tests_of: Buckets<OrganizationId>,
    changes: Buckets<Who>,
    changes_of: Buckets<OrganizationId>,
}

/// A bucket for each subject; full ones are forgotten, whenever there are twice as many as were left the last time.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rate: Rate,
    known: Mutex<Known<K>>,
}

#[derive(Debug)]
struct Known<K> {
    buckets: HashMap<K, Bucket>,
    swept_at: usize,
}

impl<K: Eq + Hash> Buckets<K> {
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            known: Mutex::new(Known {
                buckets: HashMap::new(),
                swept_at: KEPT,
            }),
        }
    }

    pub fn take(&self, subject: K, now: u64) -> Result<(), TooMany> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { buckets, swept_at } = &mut *known;
        if buckets.len() >= *swept_at {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            *swept_at = KEPT.max(2 * buckets.len());
        }
        let bucket = buckets
            .entry(subject)
            .or_insert_with(|| Bucket::full(self.rate, now));
        bucket.take(1, now)
    }
}

impl Rates {
    pub fn new(rates: EventRates, clock: Clock) -> Self {
        let now = clock.monotonic().0;
        Self {
            total: rates
                .total
                .map(|rate| Mutex::new(Bucket::full(Rate::per_second(rate), now))),
            per_organization: rates
                .per_organization
                .map(|rate| (rate, Buckets::new(Rate::per_second(rate)))),
            tests: Buckets::new(Rate::per(TESTS, MINUTE)),
            tests_of: Buckets::new(Rate::per(TESTS_OF, MINUTE)),
            changes: Buckets::new(Rate::per(CHANGES, HOUR)),
            changes_of: Buckets::new(Rate::per(CHANGES_OF, HOUR)),
            clock,
        }
    }

    /// Whether so many events may come in now, whosever they are.
    pub fn admit(&self, events: usize) -> Result<(), Problem> {
        let Some(bucket) = &self.total else {
            return Ok(());
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket
            .take(count(events), self.clock.monotonic().0)
            .map_err(|TooMany { retry_after }| {
                Problem::new(
                    Code::Overloaded,
                    "More events come than this server is set to take (limits.events_per_second): nothing was stored. Try again.",
                )
                .after_about(retry_after)
            })
    }

    /// Whether one more event of this organization may come in now.
    pub fn admit_of(&self, organization: OrganizationId) -> Result<(), Problem> {
        let Some((rate, buckets)) = &self.per_organization else {
            return Ok(());
        };
        let taken = buckets.take(organization, self.clock.monotonic().0);
        taken.map_err(|TooMany { retry_after }| {
            Problem::new(
                Code::RateLimited,
                format!(
                    "{rate} events a second for one organization: this one was not stored. Try again in {retry_after} s."
                ),
            )
            .after_about(retry_after)
        })
    }

    /// Whether somebody of an organization's own people may ask for one more change now; `administered` is the organization, if
    /// they may make it.
    pub fn admit_change(
        &self,
        who: Who,
        administered: Option<OrganizationId>,
    ) -> Result<(), Problem> {
        let now = self.clock.monotonic().0;
        let taken = self.changes.take(who, now).and_then(|()| {
            administered.map_or(Ok(()), |organization| {
                self.changes_of.take(organization, now)
            })
        });
        taken.map_err(|TooMany { retry_after }| {
            Problem::new(
                Code::RateLimited,
                format!(
                    "{CHANGES} changes in an hour for one key or person, {CHANGES_OF} for one organization: nothing was changed. Try again in {retry_after} s."
                ),
            )
            .after_about(retry_after)
        })
    }

    /// Whether one more test of this endpoint may be sent now.
    pub fn admit_test(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
    ) -> Result<(), Problem> {
        let now = self.clock.monotonic().0;
        let taken = self
            .tests
            .take(endpoint, now)
            .and_then(|()| self.tests_of.take(organization, now));
        taken.map_err(|TooMany { retry_after }| {
            Problem::new(
                Code::TooManyTests,
                format!(
                    "{TESTS} tests of one endpoint in a minute, {TESTS_OF} of an organization. Try again in {retry_after} s."
                ),
            )
            .after_about(retry_after)
        })
    }
}

fn count(events: usize) -> u32 {
    u32::try_from(events).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tidings_core::id::KeyId;
    use tidings_core::time::Timestamp;

    #[test]
    fn buckets_of_who_is_gone_are_forgotten_and_nobody_else_s_are() {
        let buckets = Buckets::new(Rate::per(NonZeroU32::MIN, MINUTE));
        let minute = 60_000_000;
        for subject in 0..KEPT {
            buckets.take(subject, 0).unwrap();
        }
        buckets.take(KEPT, minute).unwrap();
        let left = |buckets: &Buckets<usize>| buckets.known.lock().unwrap().buckets.len();
        assert_eq!(left(&buckets), 1);
        for subject in KEPT + 1..3 * KEPT {
            buckets.take(subject, minute + 1).unwrap();
        }
        assert_eq!(left(&buckets), 2 * KEPT);
        assert!(buckets.take(KEPT, minute + 2).is_err(), "it took one");
    }

    #[test]
    fn p1_nobody_uses_up_the_changes_of_another_and_administrators_share_a_limit() {
        let rates = Rates::new(EventRates::default(), Clock::manual(Timestamp::default()));
        let who = |number| Who::Key(KeyId::from_raw(number));
        let [here, there] = [1, 2].map(|id| OrganizationId::new(id).unwrap());
        let asked = |number, organization| {
            (0..u32::MAX)
                .take_while(|_| rates.admit_change(who(number), organization).is_ok())
                .count()
        };
        assert_eq!(asked(1, None), 3_600, "a viewer");
        for administrator in 2..12 {
            assert_eq!(asked(administrator, Some(here)), 3_600);
        }
        assert_eq!(asked(12, Some(here)), 0, "ten of them are enough");
        assert_eq!(asked(13, None), 3_600, "who may change nothing");
        assert_eq!(asked(14, Some(there)), 3_600);
    }
}
