//! The model store's claims: round the endpoints that have something due, each a few at a time, as room allows.
//!
//! Who was served goes to the end of the turns; who found no room keeps its place, so that nobody is passed by
//! twice.

use crate::store::ModelStore;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use tidings::store::directory::Sending;
use tidings::store::queue::{Claimed, Job};
use tidings::store::room::Origin;
use tidings_core::id::{DeliveryId, EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Deliveries of one endpoint and turn.
const TURN: usize = 64;

/// What an endpoint's turn came to.
enum Turn {
    /// It has no more that is due and may be sent.
    Done,
    /// It had all of a turn, or of the room it may have.
    Served,
    /// It found no room at all.
    NoRoom,
}

impl ModelStore {
    /// Leases what is due.
    pub(crate) fn claim(&mut self, limit: usize, now: Timestamp) -> Claimed {
        self.unsynced.clear();
        self.line_up(now);
        let mut jobs = Vec::new();
        loop {
            let (before, mut passed) = (jobs.len(), VecDeque::new());
            for _ in 0..self.turns.len() {
                if jobs.len() >= limit {
                    break;
                }
                let Some(endpoint) = self.turns.pop_front() else {
                    break;
                };
                match self.turn(endpoint, &mut jobs, limit, now) {
                    Turn::Done => {}
                    Turn::Served => self.turns.push_back(endpoint),
                    Turn::NoRoom => passed.push_back(endpoint),
                }
            }
            passed.append(&mut self.turns);
            self.turns = passed;
            if jobs.len() >= limit || jobs.len() == before {
                break;
            }
        }
        Claimed {
            jobs,
            more: !self.turns.is_empty(),
            next_due: self.next_due(now),
        }
    }

    /// Endpoints whose time has come join the turns.
    fn line_up(&mut self, now: Timestamp) {
        let standing: BTreeSet<EndpointId> = self.turns.iter().copied().collect();
        let ripe = self
            .due
            .iter()
            .filter(|(_, due)| due.first().is_some_and(|(due, _)| *due <= now))
            .map(|(endpoint, _)| *endpoint)
            .filter(|endpoint| !standing.contains(endpoint));
        self.turns.extend(ripe);
    }

    fn turn(
        &mut self,
        endpoint: EndpointId,
        jobs: &mut Vec<Job>,
        limit: usize,
        now: Timestamp,
    ) -> Turn {
        if self.sending(endpoint) != Some(Sending::Open) {
            return Turn::Done;
        }
        let most = limit.saturating_sub(jobs.len()).min(TURN);
        for taken in 0..most {
            let oldest = self.oldest_due(endpoint).filter(|(due, _)| *due <= now);
            let Some((_, id)) = oldest else {
                return Turn::Done;
            };
            match self.reserve(id, Origin::Claimed) {
                Some(reservation) => jobs.push(self.lease(id, reservation)),
                None if taken == 0 => return Turn::NoRoom,
                None => return Turn::Served,
            }
        }
        match self.oldest_due(endpoint) {
            Some((due, _)) if due <= now => Turn::Served,
            _ => Turn::Done,
        }
    }

    fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let first = DeliveryId {
            event: EventId::from_raw(0),
            endpoint: EndpointId::from_raw(0),
        };
        let later = (now.plus(Duration::from_micros(1)), first);
        self.due
            .iter()
            .filter(|(endpoint, _)| self.sending(**endpoint) == Some(Sending::Open))
            .filter_map(|(_, due)| due.range(later..).next())
            .map(|(due, _)| *due)
            .min()
    }
}
