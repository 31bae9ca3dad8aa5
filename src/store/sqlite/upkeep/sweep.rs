//! Cancelling in bulk what waits at an endpoint (W2, deletion, discarded ones).

use super::super::aside;
use super::super::step::Step;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use rusqlite::{OptionalExtension, params};
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// Deliveries cancelled in one step.
const CHUNK: usize = 2_000;

/// One step of the first sweep there is.
pub(super) fn step(step: &mut Step<'_, '_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    if step.memory.sweeping.is_empty() {
        return Ok(Upkeep::Idle);
    }
    let sql = step.connection();
    let sweep: Option<(i64, u8, i64)> = sql
        .prepare_cached("SELECT endpoint_id, state, up_to_event FROM sweeps LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((endpoint, state, up_to)) = sweep else {
        step.memory.sweeping.clear();
        return Ok(Upkeep::Idle);
    };
    if aside::move_some(step, EndpointId::from_raw(endpoint), CHUNK)? > 0 {
        return Ok(Upkeep::More);
    }
    // One that arrived before and was being sent again stays delivered.
    let cancelled = sql
        .prepare_cached(
            "UPDATE deliveries
             SET state = CASE WHEN round IN (18, 34) THEN 2 ELSE ?3 END, rested_at = ?4
             WHERE (event_id, endpoint_id) IN (
                SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_due
                WHERE state = 0 AND endpoint_id = ?1 AND event_id <= ?2 LIMIT ?5)",
        )?
        .execute(params![
            endpoint,
            up_to,
            state,
            now.as_micros(),
            CHUNK as i64
        ])?;
    if cancelled < CHUNK {
        sql.prepare_cached("DELETE FROM sweeps WHERE endpoint_id = ?1 AND state = ?2")?
            .execute(params![endpoint, state])?;
        release(step, EndpointId::from_raw(endpoint), now)?;
    }
    Ok(Upkeep::More)
}

/// Claims look at the endpoint again, once no other sweep holds it.
fn release(
    step: &mut Step<'_, '_>,
    endpoint: EndpointId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let held = step
        .connection()
        .prepare_cached("SELECT 1 FROM sweeps WHERE endpoint_id = ?1")?
        .exists([endpoint.raw()])?;
    if !held {
        step.memory.sweeping.remove(&endpoint);
        step.memory.due.unpark();
        step.waits(endpoint, now);
    }
    Ok(())
}
