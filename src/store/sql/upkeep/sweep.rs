//! Cancelling in bulk what waits at an endpoint (W2, deletion, discarded ones).

use super::super::aside;
use super::super::database::values;
use super::super::rest::{self, put_to_rest};
use super::super::step::{Step, read_sweeping};
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// Deliveries cancelled in one step.
const CHUNK: usize = 2_000;

/// One step of the first sweep there is.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    step.memory.trust(step.database)?;
    if step.memory.sweeping.is_empty() {
        return Ok(Upkeep::Idle);
    }
    let sql = step.sql();
    let sweep: Option<(i64, u8, i64)> = sql.one(
        "SELECT endpoint_id, state, up_to_event FROM sweeps LIMIT 1 /* lock */",
        values![],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let Some((endpoint, state, up_to)) = sweep else {
        // Another node ended this one; there may be others.
        step.memory.sweeping = read_sweeping(sql)?;
        if let Some(due) = step.memory.due.unpark() {
            step.after.wake_at(due);
        }
        return Ok(Upkeep::Idle);
    };
    if aside::move_some(step, EndpointId::from_raw(endpoint), CHUNK)? > 0 {
        return Ok(Upkeep::More);
    }
    let rested = rest::put(
        step,
        put_to_rest!(
            "WHERE (event_id, endpoint_id) IN (
                SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_due
                WHERE state = 0 AND endpoint_id = ?3 AND event_id <= ?4 LIMIT ?5 /* lock */)"
        ),
        values![state, now.as_micros(), endpoint, up_to, CHUNK],
    )?;
    if rested < CHUNK {
        sql.execute(
            "DELETE FROM sweeps WHERE endpoint_id = ?1 AND state = ?2",
            values![endpoint, state],
        )?;
        release(step, EndpointId::from_raw(endpoint), now)?;
    }
    Ok(Upkeep::More)
}

/// Claims look at the endpoint again, once no other sweep holds it.
fn release(step: &mut Step<'_>, endpoint: EndpointId, now: Timestamp) -> Result<(), StoreError> {
    let held = step.sql().exists(
        "SELECT 1 FROM sweeps WHERE endpoint_id = ?1 LIMIT 1",
        values![endpoint.raw()],
    )?;
    if !held {
        step.memory.sweeping.remove(&endpoint);
        step.memory.due.unpark();
        step.waits(endpoint, now);
    }
    Ok(())
}
