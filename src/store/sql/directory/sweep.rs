//! Cancelling what waits at an endpoint: one row now, the deliveries in small steps of upkeep.
//!
//! Until the sweep is done claims pass the endpoint by, so what is to be cancelled is never sent, and this
//! stays one row however long the backlog is.

use super::super::step::Step;
use crate::store::StoreError;
use crate::store::sql::database::values;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::id::EndpointId;

/// Why, and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The last add-on went: what there is now (W2).
    AddOn,
    /// The endpoint is deleted: everything, also what is in flight now and fails.
    Deleted,
    /// An administrator discards what was held.
    Discarded,
}

/// Leaves the sweeps of these endpoints in the transaction, and stops their replays.
pub fn cancel(
    step: &mut Step<'_>,
    endpoints: &[EndpointId],
    reason: Reason,
) -> Result<(), StoreError> {
    let sql = step.sql();
    let newest = || sql.get("SELECT coalesce(max(id), 0) FROM events", values![]);
    let (cancel, up_to): (_, i64) = match reason {
        Reason::AddOn => (CancelReason::AddOn, newest()?),
        Reason::Deleted => (CancelReason::Deleted, i64::MAX),
        Reason::Discarded => (CancelReason::Discarded, newest()?),
    };
    let state = State::Cancelled(cancel).code();
    for endpoint in endpoints {
        sql.execute("INSERT INTO sweeps (endpoint_id, state, up_to_event) VALUES (?1, ?2, ?3)
             ON CONFLICT (endpoint_id, state) DO UPDATE SET up_to_event =
                CASE WHEN sweeps.up_to_event < excluded.up_to_event THEN excluded.up_to_event ELSE sweeps.up_to_event END", values![endpoint.raw(), state, up_to])?;
        step.leaves_sweep(*endpoint);
        if reason != Reason::Discarded {
            sql.execute(
                "UPDATE replays SET state = 2 WHERE endpoint_id = ?1 AND state = 0",
                values![endpoint.raw()],
            )?;
        }
    }
    Ok(())
}
