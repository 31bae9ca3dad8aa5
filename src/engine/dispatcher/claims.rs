//! When to ask the store for due work.
//!
//! Invariants: never two claims at once; a due time that was announced is asked for, whatever happens in
//! between; nothing is asked for before its time; a claim that brought nothing is followed by a pause, so that
//! no store can make us spin.
//!
//! The first claim is small and each that comes back full is followed by one twice as large: events that are
//! accepted meanwhile wait for no more than is needed, and a backlog is soon read in large parts.
//!
//! Deliberately absent: polling. Only while more is known to be due than had room is there a slow claim beside
//! those that follow from room coming free.

use std::time::Duration;
use tidings_core::time::Timestamp;

/// Deliveries per claim at most,
const CLAIM: usize = 512;
/// and in the first one after one that was not full.
pub const FIRST_CLAIM: usize = 16;
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
enum Left {
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
    /// How many the last claim asked for, or the next one will.
    limit: usize,
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
            limit: FIRST_CLAIM,
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

    /// A claim brought `count` deliveries, and `more` are due.
    pub fn answered(
        &mut self,
        now: Timestamp,
        count: usize,
        more: bool,
        next_due: Option<Timestamp>,
    ) {
        self.outstanding = false;
        let full = count >= self.limit;
        self.left = match (more, full) {
            (false, _) => Left::Nothing,
            (true, true) => Left::More,
            (true, false) => Left::NoRoom,
        };
        self.limit = match full {
            true => CLAIM.min(2 * self.limit),
            false => FIRST_CLAIM,
        };
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

    /// How many to claim now, if at all; then the claim counts as issued. `waiting` is what waits in memory for a
    /// slot.
    pub fn ask(&mut self, now: Timestamp, waiting: usize) -> Option<usize> {
        if self.outstanding || self.moment(waiting).is_none_or(|moment| moment > now) {
            return None;
        }
        if self.freed >= WORTH_A_CLAIM {
            self.limit = CLAIM;
        }
        self.outstanding = true;
        self.due = None;
        self.freed = 0;
        Some(self.limit)
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
    fn claims_grow_while_they_come_back_full() {
        let mut now = Timestamp::from_millis(1_772_357_400_000);
        let mut claims = Claims::new(now);
        let mut asked = Vec::new();
        for count in [16, 32, 64, 128, 256, 512, 512, 3, 0] {
            asked.extend(claims.ask(now, 0));
            claims.answered(now, count, true, None);
            now = now.plus(NET);
        }
        assert_eq!(asked, [16, 32, 64, 128, 256, 512, 512, 512, 16]);
        // Room for many came free: what waits is read in large parts.
        claims.freed(WORTH_A_CLAIM);
        assert_eq!(claims.ask(now, 0), Some(CLAIM));
    }

    #[test]
    fn r12_a_clock_set_back_after_a_failed_claim_costs_no_more_than_the_pause() {
        let hour = Duration::from_secs(3_600);
        let now = Timestamp::from_millis(1_772_357_400_000);
        let mut claims = Claims::new(now);
        assert!(claims.ask(now, 0).is_some());
        claims.failed(now);
        let earlier = now.minus(hour);
        claims.set_back(earlier);
        assert!(claims.ask(earlier.plus(AFTER_FAILURE), 0).is_some());
    }
}
