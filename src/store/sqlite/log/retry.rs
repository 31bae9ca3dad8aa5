//! One more try by hand, with the same id, to the current URL with the current secrets.

use super::super::directory::Act;
use super::super::step::Step;
use super::{rows, sql};
use crate::store::directory::Sending;
use crate::store::log::Retried;
use crate::store::{Actor, Reach, StoreError};
use rusqlite::{OptionalExtension as _, params};
use tidings_core::delivery::{Round, State};
use tidings_core::id::{DeliveryId, OrganizationId};
use tidings_core::time::Timestamp;

/// Makes a delivery due now. A resting one gets one more try and goes back to where it rested if that fails; a
/// waiting one only does not wait any longer.
pub fn retry(
    step: &mut Step<'_, '_>,
    reach: Reach,
    id: DeliveryId,
    actor: &Actor,
) -> Result<Retried, StoreError> {
    let sql = step.connection();
    let key = (id.event.raw(), id.endpoint.raw());
    let found = sql
        .prepare_cached(sql::DELIVERY)?
        .query_row(key, |row| {
            let owner = super::super::tables::rows::organization_id(row, 2)?;
            let due_at = Timestamp::from_micros(row.get(9)?);
            Ok((owner, rows::state(row, 5)?, rows::progress(row)?, due_at))
        })
        .optional()?;
    let Some((owner, state, progress, due_at)) = found.filter(|(owner, ..)| reach.covers(*owner))
    else {
        return Ok(Retried::NotFound);
    };
    if progress.round == Round::Test {
        return Ok(Retried::Test);
    }
    match step.tables.sending(id.endpoint) {
        None => return Ok(Retried::EndpointDeleted),
        Some(Sending::Suspended) => return Ok(Retried::AddOnRequired),
        Some(Sending::Off) => return Ok(Retried::EndpointOff),
        Some(Sending::Open) => {}
    }
    let has_body: bool = sql
        .prepare_cached(sql::HAS_BODY)?
        .query_row([id.event.raw()], |row| row.get(0))?;
    if !has_body {
        return Ok(Retried::BodyGone);
    }
    let now = step.now.as_micros();
    match (state, state.resting()) {
        (State::InFlight, _) => return Ok(Retried::InFlight),
        (_, Some(resting)) => {
            sql.prepare_cached(
                "UPDATE deliveries SET state = 0, round = ?3, failures = 0, due_at = ?4, rested_at = NULL
                 WHERE event_id = ?1 AND endpoint_id = ?2",
            )?
            .execute(params![key.0, key.1, Round::Retry(resting).code(), now])?;
        }
        (_, None) => {
            sql.prepare_cached(
                "UPDATE deliveries SET due_at = min(due_at, ?3) WHERE event_id = ?1 AND endpoint_id = ?2",
            )?
            .execute(params![key.0, key.1, now])?;
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
    step: &mut Step<'_, '_>,
    owner: OrganizationId,
    id: DeliveryId,
    actor: &Actor,
) -> Result<(), StoreError> {
    Act::new("delivery.retry", Some(owner), id.to_string()).record(step, actor)
}
