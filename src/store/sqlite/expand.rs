//! Going on with a large fan-out: the next deliveries and the cursor behind them, in one commit.

use super::queue::{Body, Posted, Start, make, recipients, start, stored_body};
use super::step::Step;
use super::tables::NameId;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use rusqlite::params;
use std::sync::atomic::Ordering;
use tidings_core::delivery::Round;
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// Makes at most `limit` deliveries of the oldest unfinished fan-out.
pub(super) fn expand(step: &mut Step<'_, '_>, limit: usize) -> Result<Upkeep, StoreError> {
    let Some((posted, after)) = oldest(step)? else {
        step.memory.expanding.store(false, Ordering::Release);
        return Ok(Upkeep::Idle);
    };
    // Without a whole body they wait in the store, where the next claim puts them to rest with the reason.
    let body = stored_body(step, posted.id)?;
    let mut recipients = recipients(step.tables, &posted, after);
    let mut last = after;
    for recipient in recipients.by_ref().take(limit.max(1)) {
        let start = match &body {
            Body::Whole(data) => start(step, recipient.endpoint, data),
            Body::Gone | Body::Damaged => Start::Waiting,
        };
        make(step, &posted, recipient, Round::Plan, start)?;
        last = recipient.endpoint;
    }
    let sql = step.connection();
    if recipients.next().is_some() {
        sql.prepare_cached("UPDATE fan_outs SET after_endpoint = ?2 WHERE event_id = ?1")?
            .execute(params![posted.id.raw(), last.raw()])?;
    } else {
        sql.prepare_cached("DELETE FROM fan_outs WHERE event_id = ?1")?
            .execute([posted.id.raw()])?;
    }
    Ok(Upkeep::More)
}

fn oldest(step: &Step<'_, '_>) -> Result<Option<(Posted, EndpointId)>, StoreError> {
    let mut statement = step.connection().prepare_cached(
        "SELECT f.event_id, f.after_endpoint, e.organization_id, e.name_id, e.public, e.accepted_at
         FROM fan_outs f JOIN events e ON e.id = f.event_id ORDER BY f.event_id LIMIT 1",
    )?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let owner: i64 = row.get(2)?;
    let posted = Posted {
        id: EventId::from_raw(row.get(0)?),
        organization: OrganizationId::new(owner)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, owner))?,
        name: NameId(row.get(3)?),
        public: row.get(4)?,
        accepted_at: Timestamp::from_micros(row.get(5)?),
    };
    Ok(Some((posted, EndpointId::from_raw(row.get(1)?))))
}
