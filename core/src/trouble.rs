//! Whether an endpoint is in trouble, and what operators are told of it and when.
//!
//! What became of attempts is gathered in [`Digest`]s, which can be put one after the other, so that it does not matter in
//! how many pieces it is looked at. [`Trouble`] is what is remembered of an endpoint that fails, and gives the [`Turn`]s
//! that are told:
//! - *failing*: an attempt failed [`FAILING_AFTER`] or more after the first that failed, [`FAILING_ATTEMPTS`] or more in all,
//!   and none succeeded between; once in each run of failures, and at most once in [`AT_MOST_EVERY`];
//! - *exhausted*: deliveries used up their tries; at most once in [`AT_MOST_EVERY`], with how many since the last time;
//! - *recovered*: the first success after a run of failures that was told: as failing, or as exhausted when nothing had
//!   succeeded for as long as three tries take ([`PLAN`]).
//!
//! Invariants: every exhausted delivery is counted in exactly one turn, sooner or later; a run is told as over exactly if it
//! was told. Moments in the future, left by a clock that was set back, count as now, and what was told then as never told.
//! Deliberately absent: thresholds to choose, and what anybody does about it.

use crate::limits::RETRY_WAITS;
use crate::outcome::Outcome;
use crate::time::Timestamp;
use std::time::Duration;

/// How long nothing succeeds before an endpoint is told to be failing.
pub const FAILING_AFTER: Duration = Duration::from_secs(5 * 60);
/// How many attempts fail before it is.
pub const FAILING_ATTEMPTS: u32 = 5;
/// Between two notices of one kind about one endpoint, at least.
pub const AT_MOST_EVERY: Duration = Duration::from_secs(3_600);
/// How long the three tries of a delivery take, from the first failure to the third.
pub const PLAN: Duration = plan();

const fn plan() -> Duration {
    let [first, second] = RETRY_WAITS;
    Duration::from_secs(first.as_secs() + second.as_secs())
}

/// What became of attempts at one endpoint, one after the other. Tests and faults of ours are no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// The last success.
    pub succeeded: Option<Timestamp>,
    /// The first failure after it.
    pub since: Option<Timestamp>,
    /// Failures after it.
    pub failed: u32,
    /// Deliveries exhausted after it.
    pub exhausted: u32,
    /// Deliveries exhausted before it.
    pub exhausted_before: u32,
    /// The last failure, before or after.
    pub last: Option<(Timestamp, Outcome)>,
}

impl Digest {
    /// One success.
    pub fn success(at: Timestamp) -> Self {
        Self {
            succeeded: Some(at),
            ..Self::default()
        }
    }

    /// One failure, and whether it used the delivery's tries up.
    pub fn failure(at: Timestamp, outcome: Outcome, exhausted: bool) -> Self {
        Self {
            since: Some(at),
            failed: 1,
            exhausted: u32::from(exhausted),
            last: Some((at, outcome)),
            ..Self::default()
        }
    }

    /// By a clock that may have been set back since: nothing happened later than now.
    #[must_use]
    pub fn by(self, now: Timestamp) -> Self {
        let past = |at: Timestamp| at.min(now);
        Self {
            succeeded: self.succeeded.map(past),
            since: self.since.map(past),
            last: self.last.map(|(at, outcome)| (past(at), outcome)),
            ..self
        }
    }

    /// This, and then that.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let last = later.last.or(self.last);
        match later.succeeded {
            Some(_) => Self {
                exhausted_before: self
                    .exhausted_before
                    .saturating_add(self.exhausted)
                    .saturating_add(later.exhausted_before),
                last,
                ..later
            },
            None => Self {
                succeeded: self.succeeded,
                since: self.since.or(later.since),
                failed: self.failed.saturating_add(later.failed),
                exhausted: self.exhausted.saturating_add(later.exhausted),
                exhausted_before: self.exhausted_before,
                last,
            },
        }
    }

    /// Deliveries exhausted in all.
    pub const fn exhausted_in_all(&self) -> u32 {
        self.exhausted.saturating_add(self.exhausted_before)
    }
}

/// What is remembered of an endpoint in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trouble {
    /// The first failure of the run that goes on; `None` after a success.
    pub since: Option<Timestamp>,
    /// Failures of the run.
    pub failed: u32,
    /// Deliveries exhausted in the run.
    pub exhausted: u32,
    /// The last failure.
    pub last: Option<(Timestamp, Outcome)>,
    /// Whether somebody was told of the run, so that its end is told, too.
    pub told: bool,
    /// When the endpoint was last told to be failing.
    pub failing_told: Option<Timestamp>,
    /// When exhausted deliveries were last told.
    pub exhausted_told: Option<Timestamp>,
    /// Exhausted deliveries that nobody was told of yet.
    pub untold: u32,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Deliveries were exhausted.
    Exhausted {
        /// How many.
        count: u32,
        /// When they were told last; they came since.
        told_before: Option<Timestamp>,
        /// The last failure.
        last: Option<(Timestamp, Outcome)>,
    },
    /// Nothing succeeds any more.
    Failing {
        /// Since when.
        since: Timestamp,
        /// Attempts that failed since.
        failed: u32,
        /// Deliveries exhausted since.
        exhausted: u32,
        /// The last failure.
        last: Option<(Timestamp, Outcome)>,
    },
    /// Something succeeded again.
    Recovered {
        /// The first failure.
        since: Timestamp,
        /// The success.
        at: Timestamp,
        /// Attempts that failed between.
        failed: u32,
        /// Deliveries exhausted between.
        exhausted: u32,
    },
}

impl Trouble {
    /// Goes on with what happened; answers what is to be told, in this order.
    pub fn meet(&mut self, happened: &Digest, now: Timestamp) -> Vec<Turn> {
        self.set_back(now);
        let happened = happened.by(now);
        let mut turns = Vec::new();
        if let Some(at) = happened.succeeded {
            self.exhausted = self.exhausted.saturating_add(happened.exhausted_before);
            turns.extend(self.end_run(at));
        }
        self.since = self.since.or(happened.since);
        self.failed = self.failed.saturating_add(happened.failed);
        self.exhausted = self.exhausted.saturating_add(happened.exhausted);
        self.last = happened.last.or(self.last);
        self.untold = self.untold.saturating_add(happened.exhausted_in_all());
        turns.extend(self.tell_exhausted(now));
        if happened.failed > 0 {
            turns.extend(self.tell_failing(now));
        }
        turns
    }

    /// Time passed and nothing happened: tells what waited for its turn.
    pub fn wait(&mut self, now: Timestamp) -> Option<Turn> {
        self.set_back(now);
        self.tell_exhausted(now)
    }

    /// The endpoint was switched off: whatever follows has nothing to do with the run.
    pub const fn rest(&mut self) {
        self.since = None;
        self.failed = 0;
        self.exhausted = 0;
        self.told = false;
    }

    /// When it is to be looked at again if nothing happens: to tell what waits, or to be forgotten.
    pub fn look_at(&self) -> Option<Timestamp> {
        let turn = |told: Option<Timestamp>| told.map(|told| told.plus(AT_MOST_EVERY));
        match (self.untold > 0, self.since) {
            (true, _) => turn(self.exhausted_told),
            (false, Some(_)) => None,
            (false, None) => turn(self.exhausted_told.max(self.failing_told)),
        }
    }

    /// Whether there is nothing left to remember.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.since.is_none()
            && self.untold == 0
            && may_tell(self.exhausted_told, now)
            && may_tell(self.failing_told, now)
    }

    /// The clock may have been set back since.
    fn set_back(&mut self, now: Timestamp) {
        let past = |at: Timestamp| at.min(now);
        self.since = self.since.map(past);
        self.last = self.last.map(|(at, outcome)| (past(at), outcome));
        let told = |at: &Timestamp| *at <= now;
        self.failing_told = self.failing_told.filter(told);
        self.exhausted_told = self.exhausted_told.filter(told);
    }

    fn end_run(&mut self, at: Timestamp) -> Option<Turn> {
        let ended = *self;
        self.rest();
        let since = ended.since.filter(|_| ended.told)?;
        Some(Turn::Recovered {
            since,
            at,
            failed: ended.failed,
            exhausted: ended.exhausted,
        })
    }

    fn tell_exhausted(&mut self, now: Timestamp) -> Option<Turn> {
        if self.untold == 0 || !may_tell(self.exhausted_told, now) {
            return None;
        }
        let turn = Turn::Exhausted {
            count: self.untold,
            told_before: self.exhausted_told,
            last: self.last,
        };
        self.untold = 0;
        self.exhausted_told = Some(now);
        self.told |= self.lasted() >= PLAN;
        Some(turn)
    }

    fn tell_failing(&mut self, now: Timestamp) -> Option<Turn> {
        let since = self.since?;
        let told_of_this_run = self.failing_told.is_some_and(|told| told >= since);
        if told_of_this_run
            || self.failed < FAILING_ATTEMPTS
            || self.lasted() < FAILING_AFTER
            || !may_tell(self.failing_told, now)
        {
            return None;
        }
        self.failing_told = Some(now);
        self.told = true;
        Some(Turn::Failing {
            since,
            failed: self.failed,
            exhausted: self.exhausted,
            last: self.last,
        })
    }

    /// From the first failure of the run to the last.
    fn lasted(&self) -> Duration {
        match (self.since, self.last) {
            (Some(since), Some((last, _))) => last.since(since),
            _ => Duration::ZERO,
        }
    }
}

/// Whether so long has passed that it may be told again.
fn may_tell(told: Option<Timestamp>, now: Timestamp) -> bool {
    told.is_none_or(|told| now.since(told) >= AT_MOST_EVERY)
}
