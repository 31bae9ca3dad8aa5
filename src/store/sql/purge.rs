//! Removing one event with everything that belongs to it, a few hundred rows at a time.
//!
//! Invariants: nothing in flight is removed; what was set aside leaves the writer's memory with its row; a step removes at
//! most [`Budget`] rows. The lists must have come as far as the event, so that nothing of it is listed afterwards.

use super::database::values;
use super::rest::{self, resting_state};
use super::step::Step;
use crate::store::StoreError;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::id::{EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Rows that one step may remove.
const AT_ONCE: usize = 500;

/// What a step may still remove, and what it removed.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    /// Rows that are gone.
    pub removed: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: AT_ONCE,
            removed: 0,
        }
    }
}

impl Budget {
    /// Whether nothing more may be removed in this step.
    pub(super) const fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Rows that may be asked for, as a limit.
    pub(super) const fn limit(&self) -> usize {
        self.left
    }

    /// So many rows are gone.
    pub(super) const fn spend(&mut self, rows: usize) {
        self.left = self.left.saturating_sub(rows);
        self.removed += rows;
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purged {
    /// Everything is gone.
    All,
    /// The budget is spent; the rest is for the next step.
    Part,
    /// A try is being made, so it stays for now.
    InFlight,
}

/// Whether a try of the event is being made or about to be.
pub(super) fn in_flight(step: &Step<'_>, event: i64) -> Result<bool, StoreError> {
    step.sql().exists(
        "SELECT 1 FROM deliveries WHERE event_id = ?1 AND state = 1 AND epoch <> 0 LIMIT 1",
        values![event],
    )
}

/// Removes an event, its body, its deliveries to whomever, their attempts, and all of it in the lists.
pub(super) fn event(
    step: &mut Step<'_>,
    event: i64,
    budget: &mut Budget,
) -> Result<Purged, StoreError> {
    let sql = step.sql();
    let unmade = sql.execute("DELETE FROM fan_outs WHERE event_id = ?1", values![event])?;
    budget.spend(unmade);
    if in_flight(step, event)? {
        return Ok(Purged::InFlight);
    }
    attempts(step, event, budget)?;
    while !budget.is_spent() {
        let endpoints = sql.all(
            "SELECT endpoint_id FROM deliveries WHERE event_id = ?1 ORDER BY endpoint_id LIMIT ?2",
            values![event, budget.limit().div_ceil(2)],
            |row| row.get::<i64>(0),
        )?;
        if endpoints.is_empty() {
            break;
        }
        for endpoint in endpoints {
            delivery(step, event, endpoint, budget)?;
        }
    }
    if budget.is_spent() {
        return Ok(Purged::Part);
    }
    for statement in [
        "DELETE FROM bodies WHERE event_id = ?1",
        "DELETE FROM references_listed WHERE (organization_id, reference, event_id) IN (
            SELECT organization_id, reference, id FROM events WHERE id = ?1 AND reference IS NOT NULL)",
        "DELETE FROM events_listed WHERE (organization_id, event_id) IN (
            SELECT organization_id, id FROM events WHERE id = ?1)",
        "DELETE FROM events WHERE id = ?1",
    ] {
        budget.spend(sql.execute(statement, values![event])?);
    }
    Ok(Purged::All)
}

/// Removes attempts of an event, as many as the budget lets.
pub(super) fn attempts(step: &Step<'_>, event: i64, budget: &mut Budget) -> Result<(), StoreError> {
    let removed = step.sql().execute(
        "DELETE FROM attempts WHERE (event_id, endpoint_id, number) IN (
            SELECT event_id, endpoint_id, number FROM attempts WHERE event_id = ?1
            ORDER BY endpoint_id, number LIMIT ?2)",
        values![event, budget.limit()],
    )?;
    budget.spend(removed);
    Ok(())
}

/// Removes a delivery that no try is being made of, with its attempts, and from the list.
pub(super) fn delivery(
    step: &mut Step<'_>,
    event: i64,
    endpoint: i64,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    let sql = step.sql();
    forget_aside(step, event, endpoint)?;
    // What still waits ends with its records, if both go at once.
    let waiting = rest::put(
        step,
        concat!(
            "DELETE FROM deliveries
             WHERE event_id = ?1 AND endpoint_id = ?2 AND (state = 0 OR (state = 1 AND epoch = 0))
             RETURNING ",
            resting_state!("?3")
        ),
        values![
            event,
            endpoint,
            State::Cancelled(CancelReason::Expired).code()
        ],
    )?;
    budget.spend(waiting);
    for statement in [
        "DELETE FROM attempts WHERE event_id = ?1 AND endpoint_id = ?2",
        "DELETE FROM deliveries_listed WHERE event_id = ?1 AND endpoint_id = ?2",
        "DELETE FROM deliveries WHERE event_id = ?1 AND endpoint_id = ?2",
    ] {
        budget.spend(sql.execute(statement, values![event, endpoint])?);
    }
    Ok(())
}

/// Has the writer's memory forget a row that was set aside.
pub(super) fn forget_aside(
    step: &mut Step<'_>,
    event: i64,
    endpoint: i64,
) -> Result<(), StoreError> {
    let due = step.sql().one(
        "SELECT due_at FROM deliveries WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = 0",
        values![event, endpoint],
        |row| Ok(Timestamp::from_micros(row.get(0)?)),
    )?;
    if let Some(due_at) = due {
        let (endpoint, event) = (EndpointId::from_raw(endpoint), EventId::from_raw(event));
        step.memory.aside.remove(endpoint, due_at, event);
    }
    Ok(())
}
