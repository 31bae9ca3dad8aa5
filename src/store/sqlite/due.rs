//! Which endpoints have deliveries waiting in the store, and from when on: what claims go round.
//!
//! For every endpoint with a due row there is an entry, and its time is never later than its earliest row's. It
//! may be earlier, or stand for no row at all: a claim looks and corrects it. When in doubt it is rebuilt.

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
    doubted: bool,
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
    /// Reads it anew: one seek for every endpoint that has due rows.
    pub(super) fn rebuild(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare(
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

    /// Those passed by are looked at again.
    pub(super) fn unpark(&mut self) {
        for (endpoint, place) in &mut self.places {
            if let Place::Parked(at) = *place {
                *place = Place::Later(at);
                self.later.insert((at, *endpoint));
            }
        }
    }

    /// What is here may be wrong.
    pub(super) const fn doubt(&mut self) {
        self.doubted = true;
    }
}
