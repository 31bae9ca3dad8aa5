//! After a crash: what earlier lives of this node had leased becomes due again, in chunks. What was set aside
//! (epoch 0) stays so.

use super::queue::again;
use super::step::Step;
use crate::store::StoreError;
use rusqlite::params;
use tidings_core::delivery::State;
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// Deliveries of one transaction.
const CHUNK: i64 = 2_000;

/// Gives the next chunk back; answers how many there were.
pub(super) fn recover(step: &mut Step<'_, '_>, now: Timestamp) -> Result<usize, StoreError> {
    let sql = step.connection();
    let left: Vec<(i64, EndpointId)> = sql
        .prepare_cached(
            "SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_in_flight
             WHERE state = 1 AND epoch <> ?1 AND epoch <> 0 LIMIT ?2",
        )?
        .query_map(params![step.memory.epoch, CHUNK], |row| {
            Ok((row.get(0)?, EndpointId::from_raw(row.get(1)?)))
        })?
        .collect::<Result<_, _>>()?;
    let mut release = sql.prepare_cached(
        "UPDATE deliveries
         SET state = CASE WHEN ?3 >= 4 AND round IN (18, 34) THEN 2 ELSE ?3 END, due_at = ?4, rested_at = ?5
         WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1",
    )?;
    for (event, endpoint) in &left {
        let state = again(step, *endpoint);
        let rested = state.resting().map(|_| now.as_micros());
        release.execute(params![
            event,
            endpoint.raw(),
            state.code(),
            now.as_micros(),
            rested
        ])?;
        if state == State::Due {
            step.waits(*endpoint, now);
        }
    }
    Ok(left.len())
}
