//! Erasing one event: its body at once, what its attempts kept and its reference in steps; its row and those of its
//! deliveries stay, as tombstones.

use super::super::audit::Act;
use super::super::database::values;
use super::super::purge::{self, Budget};
use super::super::rest::{self, put_to_rest};
use super::super::step::Step;
use super::{OF_EVENT, Stepped, is_listed, read};
use crate::store::erasure::Erasure;
use crate::store::{Actor, StoreError};
use serde_json::json;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::id::{EventId, OrganizationId};

/// Takes the body away, stops its fan-out, and leaves the rest to upkeep.
pub fn begin(
    step: &mut Step<'_>,
    id: EventId,
    actor: &Actor,
) -> Result<Option<Erasure>, StoreError> {
    let sql = step.sql();
    let found = sql.one(
        "SELECT organization_id, erased_at FROM events WHERE id = ?1 /* lock */",
        values![id.raw()],
        |row| Ok((row.get::<OrganizationId>(0)?, row.get::<Option<i64>>(1)?)),
    )?;
    let Some((owner, erased)) = found else {
        return Ok(None);
    };
    if erased.is_some() {
        let known = sql.one(OF_EVENT, values![owner.get(), id.raw()], read)?;
        if known.is_some() {
            return Ok(known);
        }
    }
    sql.execute(
        "UPDATE events SET erased_at = coalesce(erased_at, ?1) WHERE id = ?2",
        values![step.now.as_micros(), id.raw()],
    )?;
    for statement in [
        "DELETE FROM bodies WHERE event_id = ?1",
        "DELETE FROM fan_outs WHERE event_id = ?1",
    ] {
        sql.execute(statement, values![id.raw()])?;
    }
    let erasure = super::begin(step, owner, Some(id))?;
    Act::new("event.erase", Some(owner), id.to_string())
        .turning(None, Some(json!({ "erasure": erasure.id.to_string() })))
        .record(step, actor)?;
    step.database.scrub();
    Ok(Some(erasure))
}

/// Cancels what waits, removes what attempts kept, and at the end the reference.
pub fn step(step: &mut Step<'_>, event: i64, budget: &mut Budget) -> Result<Stepped, StoreError> {
    // Begun by another node, or before this one started.
    step.memory.withheld.add([EventId::from_raw(event)]);
    cancel(step, event, budget)?;
    purge::attempts(step, event, budget)?;
    if budget.is_spent() {
        return Ok(Stepped::More);
    }
    let sql = step.sql();
    if purge::in_flight(step, event)? || !is_listed(sql, event)? {
        return Ok(Stepped::Waits);
    }
    let gone = sql.execute(
        "DELETE FROM references_listed WHERE (organization_id, reference, event_id) IN (
            SELECT organization_id, reference, id FROM events WHERE id = ?1 AND reference IS NOT NULL)",
        values![event],
    )?;
    budget.spend(gone);
    sql.execute(
        "UPDATE events SET reference = NULL WHERE id = ?1",
        values![event],
    )?;
    Ok(Stepped::Ended)
}

/// Puts what waits to rest; one that arrived before and was being sent again stays delivered.
fn cancel(step: &mut Step<'_>, event: i64, budget: &mut Budget) -> Result<(), StoreError> {
    let sql = step.sql();
    let waiting = sql.all(
        "SELECT endpoint_id FROM deliveries
         WHERE event_id = ?1 AND (state = 0 OR (state = 1 AND epoch = 0)) ORDER BY endpoint_id LIMIT ?2",
        values![event, budget.limit()],
        |row| row.get::<i64>(0),
    )?;
    let state = State::Cancelled(CancelReason::Deleted).code();
    for endpoint in &waiting {
        purge::forget_aside(step, event, *endpoint)?;
        let now = step.now.as_micros();
        rest::put(
            step,
            put_to_rest!(
                "WHERE event_id = ?3 AND endpoint_id = ?4 AND (state = 0 OR (state = 1 AND epoch = 0))"
            ),
            values![state, now, event, endpoint],
        )?;
    }
    budget.spend(waiting.len());
    Ok(())
}
