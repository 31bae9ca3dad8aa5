//! Going on with a large fan-out: the next deliveries and the cursor behind them, in one commit.

use super::database::values;
use super::queue::{Body, Posted, Start, make_all, recipients, start, stored_body};
use super::step::Step;
use super::tables::NameId;
use crate::metrics::COUNTS;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use std::sync::atomic::Ordering;
use tidings_core::delivery::Round;
use tidings_core::id::{EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Makes at most `limit` deliveries of the oldest unfinished fan-out.
pub(super) fn expand(step: &mut Step<'_>, limit: usize) -> Result<Upkeep, StoreError> {
    let Some((posted, after)) = oldest(step)? else {
        step.memory.expanding.store(false, Ordering::Release);
        return Ok(Upkeep::Idle);
    };
    // Without a whole body they wait in the store, where the next claim puts them to rest with the reason.
    let body = stored_body(step, posted.id)?;
    let mut recipients = recipients(step.tables, &posted, after);
    let (mut last, mut wanted) = (after, Vec::new());
    for recipient in recipients.by_ref().take(limit.max(1)) {
        let start = match &body {
            Body::Whole(data) => start(step, recipient.endpoint, data),
            Body::Gone | Body::Damaged => Start::Waiting,
        };
        wanted.push((recipient, start));
        last = recipient.endpoint;
    }
    let made = wanted.len() as u64;
    make_all(step, &posted, Round::Plan, wanted, false)?;
    COUNTS.fanned_out.add(made);
    if recipients.next().is_some() {
        step.sql().execute(
            "UPDATE fan_outs SET after_endpoint = ?1 WHERE event_id = ?2",
            values![last.raw(), posted.id.raw()],
        )?;
    } else {
        step.sql().execute(
            "DELETE FROM fan_outs WHERE event_id = ?1",
            values![posted.id.raw()],
        )?;
    }
    Ok(Upkeep::More)
}

fn oldest(step: &Step<'_>) -> Result<Option<(Posted, EndpointId)>, StoreError> {
    step.sql().one(
        "SELECT f.event_id, f.after_endpoint, e.organization_id, e.name_id, e.public, e.accepted_at
         FROM fan_outs f JOIN events e ON e.id = f.event_id ORDER BY f.event_id LIMIT 1 /* claim f */",
        values![],
        |row| {
            let posted = Posted {
                id: EventId::from_raw(row.get(0)?),
                organization: row.get(2)?,
                name: NameId(row.get(3)?),
                public: row.get(4)?,
                accepted_at: Timestamp::from_micros(row.get(5)?),
            };
            Ok((posted, EndpointId::from_raw(row.get(1)?)))
        },
    )
}
