//! Which endpoints have deliveries waiting in the store, and from when on: what claims go round.
//!
//! For every endpoint with a due row there is an entry, and its time is never later than its earliest row's. It
//! may be earlier, or stand for no row at all: a claim looks, and corrects it.

use super::database::Database;
use crate::store::StoreError;
use std::collections::{BTreeSet, HashMap, VecDeque};
use tidings_core::id::{EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Endpoints of one look when all are read.
const READ_AT_ONCE: usize = 1_024;
/// Before every endpoint.
pub(super) const FIRST: EndpointId = EndpointId::from_raw(i64::MIN);

/// The summary.
#[derive(Debug, Default)]
pub(super) struct DueSummary {
    places: HashMap<EndpointId, Place>,
    /// Those with something due later, by time.
    later: BTreeSet<(Timestamp, EndpointId)>,
    /// Those with something due now, in the order of their turns.
    ready: VecDeque<EndpointId>,
    /// The last row that was claimed of an endpoint: what waits comes after it.
    claimed: HashMap<EndpointId, Mark>,
}

/// A row in the order of claims.
type Mark = (Timestamp, EventId);
/// Before every row.
const FIRST_ROW: Mark = (
    Timestamp::from_micros(i64::MIN),
    EventId::from_raw(i64::MIN),
);

/// Where an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Later(Timestamp),
    Ready,
    /// Passed by until the directory changes or a sweep ends.
    Parked(Timestamp),
}

impl DueSummary {
    /// Reads it: what [`Database::due_endpoints`] finds.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn read(database: &dyn Database) -> Result<Self, StoreError> {
        let mut summary = Self::default();
        let mut after = FIRST;
        while let Some(last) = summary.look_around(database, after, READ_AT_ONCE)? {
            after = last;
        }
        Ok(summary)
    }

    /// Adds what is due of at most `limit` endpoints after `after`: other nodes may have left rows there. Answers after
    /// which one to go on; `None` at the end.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn look_around(
        &mut self,
        database: &dyn Database,
        after: EndpointId,
        limit: usize,
    ) -> Result<Option<EndpointId>, StoreError> {
        let (mut seen, mut last) = (0, None);
        database.due_endpoints(after.raw(), limit, &mut |endpoint, due_at| {
            let endpoint = EndpointId::from_raw(endpoint);
            self.add(endpoint, Timestamp::from_micros(due_at));
            seen += 1;
            last = Some(endpoint);
        })?;
        Ok(last.filter(|_| seen >= limit))
    }

    /// After which row to look for what waits at `endpoint`. A database may keep what is gone in its index for as long as
    /// somebody may still see it; this passes it by.
    pub(super) fn claimed_to(&self, endpoint: EndpointId) -> Mark {
        self.claimed.get(&endpoint).copied().unwrap_or(FIRST_ROW)
    }

    /// Everything up to this row was claimed.
    pub(super) fn claimed(&mut self, endpoint: EndpointId, due_at: Timestamp, event: EventId) {
        self.claimed.insert(endpoint, (due_at, event));
    }

    /// Nothing waits after the last row that was claimed; answers whether there is one before which something may.
    pub(super) fn start_over(&mut self, endpoint: EndpointId) -> bool {
        self.claimed.remove(&endpoint).is_some()
    }

    /// A row of `endpoint` waits for `at`.
    pub(super) fn add(&mut self, endpoint: EndpointId, at: Timestamp) {
        if at <= self.claimed_to(endpoint).0 {
            self.claimed.remove(&endpoint);
        }
        let before = self.places.get(&endpoint).copied();
        let place = match before {
            Some(Place::Ready) => return,
            Some(Place::Later(earlier) | Place::Parked(earlier)) if earlier <= at => return,
            Some(Place::Parked(_)) => Place::Parked(at),
            Some(Place::Later(_)) | None => Place::Later(at),
        };
        if let Some(Place::Later(before)) = before {
            self.later.remove(&(before, endpoint));
        }
        if let Place::Later(at) = place {
            self.later.insert((at, endpoint));
        }
        self.places.insert(endpoint, place);
    }

    /// Whether rows of `endpoint` wait that are due at `now`.
    pub(super) fn has_backlog(&self, endpoint: EndpointId, now: Timestamp) -> bool {
        match self.places.get(&endpoint) {
            Some(Place::Ready | Place::Parked(_)) => true,
            Some(Place::Later(at)) => *at <= now,
            None => false,
        }
    }

    /// Those whose time has come by `now` take their place at the end of the turns. Answers how many turns
    /// there are.
    pub(super) fn ripen(&mut self, now: Timestamp) -> usize {
        while let Some((_, endpoint)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.pop_first();
            self.places.insert(endpoint, Place::Ready);
            self.ready.push_back(endpoint);
        }
        self.ready.len()
    }

    /// Takes the endpoint whose turn it is; the caller puts it back.
    pub(super) fn take_turn(&mut self) -> Option<EndpointId> {
        let endpoint = self.ready.pop_front()?;
        self.places.remove(&endpoint);
        Some(endpoint)
    }

    /// Puts an endpoint that has more due now at the end of the turns.
    pub(super) fn put_back(&mut self, endpoint: EndpointId) {
        self.places.insert(endpoint, Place::Ready);
        self.ready.push_back(endpoint);
    }

    /// Puts an endpoint that has more due now before all others.
    pub(super) fn put_first(&mut self, endpoint: EndpointId) {
        self.places.insert(endpoint, Place::Ready);
        self.ready.push_front(endpoint);
    }

    /// Passes an endpoint by for now.
    pub(super) fn park(&mut self, endpoint: EndpointId, at: Timestamp) {
        self.places.insert(endpoint, Place::Parked(at));
    }

    /// Those passed by are looked at again. Answers from when on.
    pub(super) fn unpark(&mut self) -> Option<Timestamp> {
        let mut earliest = None;
        for (endpoint, place) in &mut self.places {
            if let Place::Parked(at) = *place {
                *place = Place::Later(at);
                self.later.insert((at, *endpoint));
                earliest = Some(earliest.map_or(at, |before: Timestamp| before.min(at)));
            }
        }
        earliest
    }

    /// Whether something is due now that was not claimed.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Those that have something due now that was not claimed.
    pub(super) fn ready(&self) -> impl Iterator<Item = EndpointId> {
        self.ready.iter().copied()
    }

    /// How many of these endpoints have something due now that was not claimed.
    pub(super) fn ready_of(&self, these: impl Fn(EndpointId) -> bool) -> usize {
        self.ready().filter(|endpoint| these(*endpoint)).count()
    }

    /// When the next of these endpoints has something due.
    pub(super) fn next_of(&self, these: impl Fn(EndpointId) -> bool) -> Option<Timestamp> {
        let next = self.later.iter().find(|(_, endpoint)| these(*endpoint));
        next.map(|(at, _)| *at)
    }

    /// When the next endpoint has something due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }
}
