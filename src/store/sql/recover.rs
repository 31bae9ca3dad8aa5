//! What lives of a node that ended had leased becomes due again, in chunks: earlier lives of this node after a crash, and
//! those of other nodes. What was set aside (epoch 0) stays so.

use super::database::values;
use super::queue::again;
use super::step::Step;
use crate::store::StoreError;
use tidings_core::delivery::State;
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// Deliveries of one transaction.
const CHUNK: i64 = 2_000;

/// What lives other than this one (?1) had leased, at most so many (?2). What SQLite answers to `Database::abandoned`: there
/// all of them have ended.
pub const ABANDONED: &str =
    "SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_in_flight
     WHERE state = 1 AND epoch <> ?1 AND epoch <> 0 LIMIT ?2";

/// A leased one becomes due or comes to rest. Rounds 18 and 34 send a delivered one again (`Round::code`); giving those up
/// leaves it delivered.
const RELEASE: &str = "UPDATE deliveries
     SET state = CASE WHEN CAST(?1 AS BIGINT) >= 4 AND round IN (18, 34) THEN 2 ELSE CAST(?1 AS BIGINT) END,
        due_at = ?2, rested_at = ?3
     WHERE event_id = ?4 AND endpoint_id = ?5 AND state = 1";

/// Gives the next chunk back; answers how many there were.
pub(super) fn recover(step: &mut Step<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let sql = step.sql();
    let left: Vec<(i64, EndpointId)> = sql.all(
        step.database.abandoned(),
        values![step.memory.epoch, CHUNK],
        |row| Ok((row.get(0)?, EndpointId::from_raw(row.get(1)?))),
    )?;
    for (event, endpoint) in &left {
        let state = again(step, *endpoint);
        let rested = state.resting().map(|_| now.as_micros());
        sql.execute(
            RELEASE,
            values![state.code(), now.as_micros(), rested, event, endpoint.raw()],
        )?;
        if state == State::Due {
            step.waits(*endpoint, now);
        }
    }
    Ok(left.len())
}
