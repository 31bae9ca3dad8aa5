//! What lives of a node that ended had leased becomes due again, in chunks: earlier lives of this node after a crash, and
//! those of other nodes. What was set aside (epoch 0) stays so.

use super::database::values;
use super::queue::again;
use super::rest::{self, put_to_rest};
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

const RELEASE: &str = "UPDATE deliveries SET state = 0, due_at = ?1 WHERE event_id = ?2 AND endpoint_id = ?3 AND state = 1";
const PUT_TO_REST: &str = put_to_rest!("WHERE event_id = ?3 AND endpoint_id = ?4 AND state = 1");

/// Gives the next chunk back; answers how many there were.
pub(super) fn recover(step: &mut Step<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let sql = step.sql();
    let left: Vec<(i64, EndpointId)> = sql.all(
        step.database.abandoned(),
        values![step.memory.epoch, CHUNK],
        |row| Ok((row.get(0)?, EndpointId::from_raw(row.get(1)?))),
    )?;
    for (event, endpoint) in &left {
        let (at, to) = (now.as_micros(), endpoint.raw());
        match again(step, *endpoint) {
            State::Due => {
                sql.execute(RELEASE, values![at, event, to])?;
                step.waits(*endpoint, now);
            }
            rested => {
                rest::put(step, PUT_TO_REST, values![rested.code(), at, event, to])?;
            }
        }
    }
    Ok(left.len())
}
