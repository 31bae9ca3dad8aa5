//! Going on with large fan-outs, oldest first: the next deliveries and the cursors behind them, in one commit.

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

/// Fan-outs that one commit ends at most: each has a body to be read, however few deliveries are missing.
const ENDS: usize = 64;

/// Makes at most `limit` deliveries of the oldest unfinished fan-outs. Many events with a few recipients more than the first
/// part take few commits that way: one each, and they would come in faster than they are made.
pub(super) fn expand(step: &mut Step<'_>, limit: usize) -> Result<Upkeep, StoreError> {
    let mut left = limit.max(1);
    for _ in 0..ENDS {
        let Some((posted, after)) = oldest(step)? else {
            step.memory.expanding.store(false, Ordering::Release);
            return Ok(Upkeep::Idle);
        };
        left -= go_on(step, &posted, after, left)?;
        if left == 0 {
            break;
        }
    }
    Ok(Upkeep::More)
}

/// Makes at most `limit` deliveries of one; answers how many.
fn go_on(
    step: &mut Step<'_>,
    posted: &Posted,
    after: EndpointId,
    limit: usize,
) -> Result<usize, StoreError> {
    // Without a whole body they wait in the store, where the next claim puts them to rest with the reason.
    let body = stored_body(step, posted.id)?;
    let mut recipients = recipients(step.tables, posted, after);
    let (mut last, mut wanted) = (after, Vec::new());
    for recipient in recipients.by_ref().take(limit) {
        let start = match &body {
            Body::Whole(data) => start(step, recipient.endpoint, data),
            Body::Gone | Body::Damaged => Start::Waiting,
        };
        wanted.push((recipient, start));
        last = recipient.endpoint;
    }
    let made = wanted.len();
    make_all(step, posted, Round::Plan, wanted, false)?;
    COUNTS.fanned_out.add(made as u64);
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
    Ok(made)
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
