//! One more try by hand, with the same id, to the current URL with the current secrets.

use super::super::audit::Act;
use super::super::step::Step;
use super::{rows, sql};
use crate::store::directory::Sending;
use crate::store::log::Retried;
use crate::store::sql::database::values;
use crate::store::{Actor, Reach, StoreError};
use tidings_core::delivery::{Round, State};
use tidings_core::id::{DeliveryId, OrganizationId};
use tidings_core::time::Timestamp;

/// Makes a delivery due now. A resting one gets one more try and goes back to where it rested if that fails; a
/// waiting one only does not wait any longer.
pub fn retry(
    step: &mut Step<'_>,
    reach: Reach,
    id: DeliveryId,
    actor: &Actor,
) -> Result<Retried, StoreError> {
    let sql = step.sql();
    let (event, endpoint) = (id.event.raw(), id.endpoint.raw());
    let found = sql.one(sql::DELIVERY_HELD, values![event, endpoint], |row| {
        let owner: OrganizationId = row.get(0)?;
        let due_at = Timestamp::from_micros(row.get(5)?);
        Ok((owner, rows::state(row, 1)?, rows::progress(row, 2)?, due_at))
    })?;
    let Some((owner, state, progress, due_at)) = found.filter(|(owner, ..)| reach.covers(*owner))
    else {
        return Ok(Retried::NotFound);
    };
    if progress.round == Round::Test {
        return Ok(Retried::Test);
    }
    if sql.exists(sql::ERASED, values![event])? {
        return Ok(Retried::Erased);
    }
    match step.tables.sending(id.endpoint) {
        None => return Ok(Retried::EndpointDeleted),
        Some(Sending::Suspended) => return Ok(Retried::AddOnRequired),
        Some(Sending::Off) => return Ok(Retried::EndpointOff),
        Some(Sending::Open) => {}
    }
    if !sql.exists(sql::HAS_BODY, values![event])? {
        return Ok(Retried::BodyGone);
    }
    let now = step.now.as_micros();
    match (state, state.resting()) {
        (State::InFlight, _) => return Ok(Retried::InFlight),
        (_, Some(resting)) => {
            sql.execute("UPDATE deliveries SET state = 0, round = ?1, failures = 0, due_at = ?2, rested_at = NULL
                 WHERE event_id = ?3 AND endpoint_id = ?4", values![Round::Retry(resting).code(), now, event, endpoint])?;
        }
        (_, None) => {
            sql.execute(
                "UPDATE deliveries SET due_at = CASE WHEN due_at < ?1 THEN due_at ELSE ?1 END
                 WHERE event_id = ?2 AND endpoint_id = ?3",
                values![now, event, endpoint],
            )?;
            let aside = &mut step.memory.aside;
            if aside.remove(id.endpoint, due_at, id.event) {
                aside.add(id.endpoint, due_at.min(step.now), id.event);
            }
        }
    }
    step.waits(id.endpoint, step.now);
    record(step, owner, id, actor)?;
    Ok(Retried::Due)
}

fn record(
    step: &mut Step<'_>,
    owner: OrganizationId,
    id: DeliveryId,
    actor: &Actor,
) -> Result<(), StoreError> {
    Act::new("delivery.retry", Some(owner), id.to_string()).record(step, actor)
}
