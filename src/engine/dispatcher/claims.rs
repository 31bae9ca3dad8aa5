//! When to ask the store for due work.
//!
//! Invariants: never two claims at once; a due time that was announced is asked for, whatever happens in
//! between; nothing is asked for before its time; a claim that brought nothing is followed by a pause, so that
//! no store can make us spin.
//!
//! Deliberately absent: polling. Only while more is known to be due than had room is there a slow claim beside
//! those that follow from room coming free.

use std::time::Duration;
use tidings_core::time::Timestamp;

/// Deliveries per claim.
pub const CLAIM: usize = 512;
/// Room for this many deliveries came free: worth a claim at once.
const WORTH_A_CLAIM: usize = CLAIM / 4;
/// Between claims that wait for less.
const PAUSE: Duration = Duration::from_millis(10);
/// After a claim failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Between claims while more is due than had room and none came free here; others may have given some back.
const NET: Duration = Duration::from_secs(2);

/// What a claim said about what it did not bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing else is due now.
    Nothing,
    /// More is due, and the claim was full: there may be room for it.
    More,
    /// More is due than has room.
    NoRoom,
}

/// The claims of one node.
#[derive(Debug)]
pub struct Claims {
    outstanding: bool,
    /// The earliest due time that the last claim issued does not cover.
    due: Option<Timestamp>,
    left: Left,
    /// Room that came free since the last claim was issued.
    freed: usize,
    answered_at: Timestamp,
    not_before: Timestamp,
}

impl Claims {
    /// Of a node that has just started: it asks at once.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            outstanding: false,
            due: Some(now),
            left: Left::Nothing,
            freed: 0,
            answered_at: now,
            not_before: now,
        }
    }

    /// The clock was set back: pauses that began later than now are over.
    pub fn set_back(&mut self, now: Timestamp) {
        self.answered_at = self.answered_at.min(now);
        self.not_before = self.not_before.min(now);
    }

    /// Something in the store is due at `moment`.
    pub fn announce(&mut self, moment: Timestamp) {
        self.due = Some(self.due.map_or(moment, |due| due.min(moment)));
    }

    /// Room for so many deliveries came free.
    pub fn freed(&mut self, count: usize) {
        self.freed += count;
    }

    /// Whether a claim is on its way.
    pub const fn outstanding(&self) -> bool {
        self.outstanding
    }

    /// A claim brought `count` deliveries.
    pub fn answered(
        &mut self,
        now: Timestamp,
        count: usize,
        left: Left,
        next_due: Option<Timestamp>,
    ) {
        self.outstanding = false;
        self.left = left;
        self.answered_at = now;
        if count == 0 {
            self.not_before = now.plus(PAUSE);
        }
        if let Some(moment) = next_due {
            self.announce(moment);
        }
    }

    /// A claim brought nothing because the store failed: asked again after a second.
    pub fn failed(&mut self, now: Timestamp) {
        self.outstanding = false;
        self.answered_at = now;
        self.not_before = now.plus(AFTER_FAILURE);
        // Due since ever, not since now: were the clock set back, it would wait for that moment once more.
        self.announce(Timestamp::default());
    }

    /// Whether to claim now; if so, the claim counts as issued. `waiting` is what waits in memory for a slot.
    pub fn ask(&mut self, now: Timestamp, waiting: usize) -> bool {
        if self.outstanding || self.moment(waiting).is_none_or(|moment| moment > now) {
            return false;
        }
        self.outstanding = true;
        self.due = None;
        self.freed = 0;
        true
    }

    /// When to claim next, if nothing else happens; `None` while one is outstanding or nothing is known to be due.
    pub fn moment(&self, waiting: usize) -> Option<Timestamp> {
        if self.outstanding {
            return None;
        }
        let again = match self.left {
            Left::Nothing => None,
            Left::More => Some(self.answered_at),
            Left::NoRoom if self.freed >= WORTH_A_CLAIM => Some(self.answered_at),
            Left::NoRoom if self.freed > waiting => Some(self.answered_at),
            Left::NoRoom if self.freed > 0 => Some(self.answered_at.plus(PAUSE)),
            Left::NoRoom => Some(self.answered_at.plus(NET)),
        };
        // While there is no room, announcements of more come all the time: they are looked at with a pause.
        let due = match self.left {
            Left::NoRoom => self.due.map(|due| due.max(self.answered_at.plus(PAUSE))),
            Left::Nothing | Left::More => self.due,
        };
        let moment = match (again, due) {
            (Some(again), Some(due)) => again.min(due),
            (again, due) => again.or(due)?,
        };
        Some(moment.max(self.not_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r12_a_clock_set_back_after_a_failed_claim_costs_no_more_than_the_pause() {
        let hour = Duration::from_secs(3_600);
        let now = Timestamp::from_millis(1_772_357_400_000);
        let mut claims = Claims::new(now);
        assert!(claims.ask(now, 0));
        claims.failed(now);
        let earlier = now.minus(hour);
        claims.set_back(earlier);
        assert!(claims.ask(earlier.plus(AFTER_FAILURE), 0));
    }
}
