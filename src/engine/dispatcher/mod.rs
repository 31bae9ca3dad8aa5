//! Decides: which delivery starts when, what follows an attempt, when the store is asked and told.
//!
//! Synchronous, without I/O, clock or randomness: everything that happens comes in through
//! [`Dispatcher::take`], everything that is to be done goes out through [`Dispatcher::decide`]. The same inputs
//! give the same actions, so a simulation can drive it through years and crashes.
//!
//! Invariants:
//! - a delivery in memory is in exactly one place: a lane ([`lanes`]), in flight, or among the results
//!   ([`settling`]); it holds its room in each;
//! - what follows an attempt is [`tidings_core::retry::next`], nothing else;
//! - a retry goes through the store: here is only what is due.
//!
//! Deliberately absent: endpoints' settings. Whether one may be sent to is looked up at the start of an
//! attempt, by the driver; what may not be sent comes back as [`Input::Withheld`].

pub mod claims;
mod lane;
pub mod lanes;
pub mod settling;
mod spread;
#[cfg(test)]
mod tests;
pub mod window;

use crate::store::queue::{AttemptRecord, Change, Claimed, Job, Settlement};
use claims::Claims;
use lanes::{Lanes, Released};
use settling::Settling;
use tidings_core::outcome::{Outcome, Verdict};
use tidings_core::retry;
use tidings_core::time::Timestamp;

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// The store handed deliveries over at accept.
    Arrived(Vec<Job>),
    /// An attempt ended.
    Finished {
        /// The delivery.
        job: Job,
        /// What became of the attempt.
        record: Box<AttemptRecord>,
    },
    /// A delivery that was to be started may not be sent now.
    Withheld(Job),
    /// Something in the store is due then.
    Due(Timestamp),
    /// A claim was answered.
    Claimed(Claimed),
    /// A claim failed.
    ClaimFailed,
    /// The batch of results is stored.
    Settled,
    /// The batch of results could not be stored and came back.
    SettleFailed(Vec<Settlement>),
    /// Start nothing more: hand back what waits, finish what is in flight.
    Drain,
}

/// What is to be done. The driver empties it and passes it in again, so that a hot call allocates nothing.
#[derive(Debug, Default)]
pub struct Actions {
    /// Attempts to make, each ended by [`Input::Finished`] or [`Input::Withheld`].
    pub start: Vec<Start>,
    /// Whether more may be started as soon as what has ended is taken in.
    pub more: bool,
    /// Results to store, answered by [`Input::Settled`] or [`Input::SettleFailed`].
    pub settle: Option<Vec<Settlement>>,
    /// A claim to make of so many deliveries, answered by [`Input::Claimed`] or [`Input::ClaimFailed`].
    pub claim: Option<usize>,
    /// When to decide again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// An attempt to make.
#[derive(Debug)]
pub struct Start {
    /// Of this delivery.
    pub job: Job,
    /// Better started after all others of the same decision: its endpoint has not answered what it was sent, or let it time out,
    /// so the attempt needs a connection more, and who answers at once should not wait for that.
    pub after_others: bool,
}

/// Attempts started by one decision at most. In between, what has ended meanwhile is taken in: else a burst
/// starts thousands at once, each with a connection of its own, though the first would be answered before the
/// last is sent. Receivers that are slow still get all slots, a few decisions later.
const STARTS: usize = 128;

/// The mode of a dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Running,
    Draining,
}

/// Decides for one node. See the module.
#[derive(Debug)]
pub struct Dispatcher {
    lanes: Lanes,
    claims: Claims,
    settling: Settling,
    mode: Mode,
    latest: Timestamp,
}

impl Dispatcher {
    /// A dispatcher with nothing in memory and `slots` attempts in flight at most; it claims at once.
    pub fn new(slots: usize, now: Timestamp) -> Self {
        Self {
            lanes: Lanes::new(slots),
            claims: Claims::new(now),
            settling: Settling::new(now),
            mode: Mode::Running,
            latest: now,
        }
    }

    /// Takes in what happened. `now` is the wall-clock time at which it is taken in, not earlier than it happened.
    pub fn take(&mut self, now: Timestamp, input: Input) {
        self.keep_time(now);
        match input {
            Input::Arrived(jobs) => self.arrive(jobs),
            Input::Finished { job, record } => self.finish(now, job, record),
            Input::Withheld(job) => {
                self.lanes
                    .release(now, job.delivery.endpoint, Released::Unknown);
                self.settling.push(handed_back(job));
            }
            Input::Due(moment) => self.claims.announce(moment),
            Input::Claimed(claimed) => self.claimed(now, claimed),
            Input::ClaimFailed => self.claims.failed(now),
            Input::Settled => {
                let stored = self.settling.stored(now);
                self.claims.freed(stored.freed);
                if let Some(due) = stored.due {
                    self.claims.announce(due);
                }
            }
            Input::SettleFailed(results) => {
                let lost = self.settling.failed(now, results);
                self.claims.freed(lost);
            }
            Input::Drain => {
                self.mode = Mode::Draining;
                for job in self.lanes.drain() {
                    self.settling.push(handed_back(job));
                }
            }
        }
    }

    /// Adds what is to be done now to `actions`.
    pub fn decide(&mut self, now: Timestamp, actions: &mut Actions) {
        self.keep_time(now);
        self.lanes.pass(now);
        let mut left = STARTS;
        while left > 0
            && let Some(start) = self.lanes.start_next(now)
        {
            left -= 1;
            actions.start.push(start);
        }
        actions.more = left == 0;
        actions.settle = self.settling.batch(now);
        actions.wake_at = earlier(self.settling.moment(), self.lanes.moment());
        if self.mode == Mode::Draining {
            return;
        }
        let waiting = self.lanes.waiting();
        actions.claim = self.claims.ask(now, waiting);
        actions.wake_at = earlier(actions.wake_at, self.claims.moment(waiting));
    }

    /// Whether it was told to drain and nothing is left in memory or on its way to or from the store.
    pub const fn drained(&self) -> bool {
        matches!(self.mode, Mode::Draining)
            && self.lanes.in_flight() == 0
            && self.settling.is_empty()
            && !self.claims.outstanding()
    }

    /// Deliveries that wait in memory for a slot.
    pub const fn waiting(&self) -> usize {
        self.lanes.waiting()
    }

    /// Those of them whose endpoint's last try did not time out.
    pub const fn waiting_for_fast(&self) -> usize {
        self.lanes.waiting_for_fast()
    }

    /// Attempts in flight.
    pub const fn in_flight(&self) -> usize {
        self.lanes.in_flight()
    }

    /// Due times are wall-clock times and stay; pauses must not grow by as much as the clock was set back.
    fn keep_time(&mut self, now: Timestamp) {
        if now < self.latest {
            self.claims.set_back(now);
            self.settling.set_back(now);
            self.lanes.set_back(now);
        }
        self.latest = now;
    }

    fn arrive(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            match self.mode {
                Mode::Running => self.lanes.push(job),
                Mode::Draining => self.settling.push(handed_back(job)),
            }
        }
    }

    fn claimed(&mut self, now: Timestamp, claimed: Claimed) {
        let count = claimed.jobs.len();
        self.claims
            .answered(now, count, claimed.more, claimed.next_due);
        self.arrive(claimed.jobs);
    }

    fn finish(&mut self, now: Timestamp, job: Job, record: Box<AttemptRecord>) {
        let released = released(record.outcome);
        let changed = self.lanes.release(now, job.delivery.endpoint, released);
        if changed || job.reservation.is_slow() {
            match released {
                Released::TimedOut => job.reservation.learn(true),
                Released::Ended => job.reservation.learn(false),
                Released::Unknown => {}
            }
        }
        let (progress, next) = retry::next(job.progress, record.outcome, now);
        let settlement = Settlement {
            delivery: job.delivery,
            lease: job.lease,
            change: Change::Attempted {
                record,
                progress,
                next,
            },
            reservation: job.reservation,
        };
        match released {
            Released::TimedOut => self.settling.push_timeout(now, settlement),
            Released::Ended | Released::Unknown => self.settling.push(settlement),
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

fn handed_back(job: Job) -> Settlement {
    Settlement {
        delivery: job.delivery,
        lease: job.lease,
        change: Change::HandedBack { due_at: job.due_at },
        reservation: job.reservation,
    }
}

fn released(outcome: Outcome) -> Released {
    match (outcome, outcome.verdict()) {
        (Outcome::Failed(failure), _) if failure.is_timeout() => Released::TimedOut,
        (_, Verdict::NotCounted) => Released::Unknown,
        (_, Verdict::Success | Verdict::Failure) => Released::Ended,
    }
}
