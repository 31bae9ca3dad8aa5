//! Which endpoints have deliveries waiting in the store, and from when on: what claims go round.
//!
//! For every endpoint with a due row there is an entry, and its time is never later than its earliest row's. It
//! may be earlier, or stand for no row at all: a claim looks, and corrects it.

use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap, VecDeque};
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// The summary.
#[derive(Debug, Default)]
pub(super) struct DueSummary {
    places: HashMap<EndpointId, Place>,
    /// Those with something due later, by time.
    later: BTreeSet<(Timestamp, EndpointId)>,
    /// Those with something due now, in the order of their turns.
    ready: VecDeque<EndpointId>,
}

/// Where an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Later(Timestamp),
    Ready,
    /// Passed by until the directory changes or a sweep ends.
    Parked(Timestamp),
}

impl DueSummary {
    /// Reads it: one seek for every endpoint that has due rows.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT endpoint_id, due_at FROM deliveries INDEXED BY deliveries_due
             WHERE state = 0 AND endpoint_id > ?1 ORDER BY endpoint_id, due_at LIMIT 1",
        )?;
        let mut summary = Self::default();
        let mut last = i64::MIN;
        loop {
            let mut rows = statement.query([last])?;
            let Some(row) = rows.next()? else {
                return Ok(summary);
            };
            last = row.get(0)?;
            summary.add(
                EndpointId::from_raw(last),
                Timestamp::from_micros(row.get(1)?),
            );
        }
    }

    /// A row of `endpoint` waits for `at`.
    pub(super) fn add(&mut self, endpoint: EndpointId, at: Timestamp) {
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

    /// When the next endpoint has something due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }
}
