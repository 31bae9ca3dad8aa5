//! Deliveries that wait in the store since a moment ago, and are not in the index of due rows yet: those that found
//! no room, and those that are tried again.
//!
//! That index begins with the endpoint: written at once, an event for a hundred saturated endpoints, or their hundred
//! timeouts, would dirty a page for each of them, and every accept would wait for it. So such a row is stored as *set
//! aside* (state 1 of lease epoch 0, which no node ever has), kept here by endpoint and time, and moved to the index
//! later, many of an endpoint together. Who asks for what is due finds both: claims read rows from here by their key, sweeps move them
//! first. The log shows them as due.
//!
//! The set is bounded: what comes when it is full goes to the index at once. After a crash or a rollback it is read
//! again from the index of what is in flight.

use super::database::{Sql, values};
use super::due::DueSummary;
use super::step::Step;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use std::collections::BTreeSet;
use std::ops::Bound;
use tidings_core::delivery::State;
use tidings_core::id::{EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Most rows that are set aside.
const FULL: usize = 16_384;
/// From so many on they are moved: enough that an endpoint has several.
const MANY: usize = 4_096;
/// Rows moved in one step: a millisecond or two; more when there are very many.
const PART: usize = 256;

/// The set.
#[derive(Debug, Default)]
pub(super) struct Aside {
    rows: BTreeSet<Row>,
    /// The last row that was moved: the next part begins after it.
    moved: Option<Row>,
}

/// A row: whose, from when on, of which event.
type Row = (EndpointId, Timestamp, EventId);

/// In flight for no life of a node: they count from 1.
pub(super) const NO_EPOCH: i64 = 0;

impl Aside {
    /// Reads it, and tells `due` from when on its rows are.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn read(sql: &dyn Sql, due: &mut DueSummary) -> Result<Self, StoreError> {
        let mut aside = Self::default();
        sql.each(
            "SELECT event_id, endpoint_id, due_at FROM deliveries INDEXED BY deliveries_in_flight
             WHERE state = 1 AND epoch = 0",
            values![],
            &mut |row| {
                let endpoint = EndpointId::from_raw(row.get(1)?);
                let due_at = Timestamp::from_micros(row.get(2)?);
                aside.add(endpoint, due_at, EventId::from_raw(row.get(0)?));
                due.add(endpoint, due_at);
                Ok(())
            },
        )?;
        Ok(aside)
    }

    /// Whether one more has a place.
    pub(super) fn has_place(&self) -> bool {
        self.rows.len() < FULL
    }

    /// A row was stored as set aside.
    pub(super) fn add(&mut self, endpoint: EndpointId, due_at: Timestamp, event: EventId) {
        self.rows.insert((endpoint, due_at, event));
    }

    /// A row was leased or put to rest, or is due at another time. Answers whether it was here.
    pub(super) fn remove(
        &mut self,
        endpoint: EndpointId,
        due_at: Timestamp,
        event: EventId,
    ) -> bool {
        self.rows.remove(&(endpoint, due_at, event))
    }

    /// The rows of an endpoint, by time.
    pub(super) fn of(&self, endpoint: EndpointId) -> impl Iterator<Item = Row> {
        let first = (endpoint, Timestamp::default(), EventId::from_raw(i64::MIN));
        self.rows
            .range(first..)
            .take_while(move |(of, ..)| *of == endpoint)
            .copied()
    }

    /// The next rows to move, endpoint by endpoint and round and round.
    fn next_part(&mut self) -> Vec<Row> {
        let size = PART.max(self.rows.len() / PART * 4);
        let after = (
            self.moved.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        );
        let mut part: Vec<_> = self.rows.range(after).take(size).copied().collect();
        if part.is_empty() {
            part = self.rows.iter().take(size).copied().collect();
        }
        self.moved = part.last().copied();
        part
    }
}

/// The places that the set has left, given to due rows that are stored together; each is in the set once it is stored.
#[derive(Debug)]
pub(super) struct Places(usize);

impl Places {
    /// All there are; none where nothing is set aside.
    pub(super) fn left(step: &Step<'_>) -> Self {
        Self(match step.due_state() {
            State::InFlight => FULL.saturating_sub(step.memory.aside.rows.len()),
            _ => 0,
        })
    }

    /// The state in which the next due row is stored, with lease epoch [`NO_EPOCH`]: set aside, if there is a place.
    pub(super) const fn due_state(&mut self) -> State {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                State::InFlight
            }
            None => State::Due,
        }
    }
}

/// Moves a part to the index of due rows once there are many.
pub(super) fn step(step: &mut Step<'_>, _now: Timestamp) -> Result<Upkeep, StoreError> {
    if step.memory.aside.rows.len() < MANY {
        return Ok(Upkeep::Idle);
    }
    step.memory.trust(step.database)?;
    let part = step.memory.aside.next_part();
    move_to_index(step, &part)?;
    Ok(Upkeep::More)
}

/// Moves at most `limit` rows of an endpoint; answers how many there were.
pub(super) fn move_some(
    step: &mut Step<'_>,
    endpoint: EndpointId,
    limit: usize,
) -> Result<usize, StoreError> {
    step.memory.trust(step.database)?;
    let part: Vec<_> = step.memory.aside.of(endpoint).take(limit).collect();
    move_to_index(step, &part)?;
    Ok(part.len())
}

fn move_to_index(step: &mut Step<'_>, rows: &[Row]) -> Result<(), StoreError> {
    for row @ (endpoint, _, event) in rows {
        step.sql().execute(
            "UPDATE deliveries SET state = 0
             WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = 0",
            values![event.raw(), endpoint.raw()],
        )?;
        step.memory.aside.rows.remove(row);
    }
    Ok(())
}
