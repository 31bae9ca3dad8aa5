//! What still waits when its body has gone is put to rest as cancelled (`expired`): also what is held, which no claim looks
//! at (W23). Whoever claims such a delivery first comes to the same.
//!
//! A pass goes round the endpoints that have something waiting, once for every hour by which more bodies are old enough, and
//! after every start. Invariants: bodies go before; a step looks at a bounded number of rows; what is being cancelled for
//! another reason is left alone. Where an owner keeps records no longer than bodies, what waits goes with its records and is
//! counted there (`purge`).

use super::super::super::database::values;
use super::super::super::purge;
use super::super::super::rest::{self, put_to_rest};
use super::super::super::step::Step;
use super::CHUNK;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::id::EndpointId;

/// Endpoints that one step asks.
const ENDPOINTS: usize = 64;

/// How far the pass is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// Of events before this one nothing waits without a body.
    done: i64,
    /// Endpoints up to this one are done.
    endpoint: i64,
    /// Of the next endpoint, events up to this one are.
    event: i64,
}

impl Default for Pass {
    fn default() -> Self {
        Self {
            done: i64::MIN,
            endpoint: i64::MIN,
            event: i64::MIN,
        }
    }
}

/// The next step of putting to rest what waits of events before this one and has no body.
pub(super) fn step(step: &mut Step<'_>, before: i64) -> Result<Upkeep, StoreError> {
    let pass = step.memory.chores.retiring.expiring;
    if pass.done >= before {
        return Ok(Upkeep::Idle);
    }
    if step.database.sets_aside() && set_aside(step, before)? == Upkeep::More {
        return Ok(Upkeep::More);
    }
    let mut endpoints = Vec::new();
    let database = step.database;
    database.due_endpoints(pass.endpoint, ENDPOINTS, &mut |endpoint, _| {
        endpoints.push(endpoint);
    })?;
    let (mut next, mut left) = (pass, CHUNK);
    for endpoint in &endpoints {
        let looked_at = of_endpoint(step, *endpoint, (next.event, before), left)?;
        left -= looked_at.rows;
        if let Some(last) = looked_at.last {
            next.event = last;
            break;
        }
        (next.endpoint, next.event) = (*endpoint, i64::MIN);
    }
    let ended =
        endpoints.len() < ENDPOINTS && endpoints.last().is_none_or(|last| *last == next.endpoint);
    step.memory.chores.retiring.expiring = match ended {
        true => Pass {
            done: before,
            ..Pass::default()
        },
        false => next,
    };
    Ok(match ended {
        true => Upkeep::Idle,
        false => Upkeep::More,
    })
}

/// What was looked at of an endpoint.
struct LookedAt {
    rows: i64,
    /// Where to go on, if that was not all.
    last: Option<i64>,
}

/// Looks at what waits for an endpoint of events between two, at most so many, and puts to rest what has no body.
fn of_endpoint(
    step: &mut Step<'_>,
    endpoint: i64,
    (after, before): (i64, i64),
    at_most: i64,
) -> Result<LookedAt, StoreError> {
    if step
        .memory
        .sweeping
        .contains(&EndpointId::from_raw(endpoint))
    {
        return Ok(LookedAt {
            rows: 0,
            last: None,
        });
    }
    let sql = step.sql();
    let (mut rows, mut last, mut gone) = (0, after, false);
    sql.each(
        "SELECT deliveries.event_id, CAST(CASE WHEN bodies.event_id IS NULL THEN 1 ELSE 0 END AS BIGINT)
         FROM deliveries INDEXED BY deliveries_unusual LEFT JOIN bodies ON bodies.event_id = deliveries.event_id
         WHERE deliveries.endpoint_id = ?1 AND deliveries.state = 0 AND deliveries.state <> 1 AND deliveries.state <> 2
            AND deliveries.event_id > ?2 AND deliveries.event_id < ?3 ORDER BY deliveries.event_id LIMIT ?4",
        values![endpoint, after, before, at_most],
        &mut |row| {
            rows += 1;
            last = row.get(0)?;
            gone |= row.get::<bool>(1)?;
            Ok(())
        },
    )?;
    if gone {
        let now = step.now.as_micros();
        rest::put(
            step,
            put_to_rest!(
                "WHERE state = 0 AND (event_id, endpoint_id) IN (
                    SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_unusual
                    WHERE state = 0 AND state <> 1 AND state <> 2 AND endpoint_id = ?3 AND event_id > ?4 AND event_id <= ?5
                        AND NOT EXISTS (SELECT 1 FROM bodies WHERE bodies.event_id = deliveries.event_id)
                    /* lock */)"
            ),
            values![expired(), now, endpoint, after, last],
        )?;
    }
    Ok(LookedAt {
        rows,
        last: (rows >= at_most).then_some(last),
    })
}

/// The same for what was set aside.
fn set_aside(step: &mut Step<'_>, before: i64) -> Result<Upkeep, StoreError> {
    let found = step.sql().all(
        "SELECT event_id, endpoint_id FROM deliveries INDEXED BY deliveries_in_flight
         WHERE state = 1 AND epoch = 0 AND event_id < ?1
            AND NOT EXISTS (SELECT 1 FROM bodies WHERE bodies.event_id = deliveries.event_id)
         ORDER BY event_id, endpoint_id LIMIT ?2",
        values![before, CHUNK],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
    )?;
    if found.is_empty() {
        return Ok(Upkeep::Idle);
    }
    for (event, endpoint) in found {
        purge::forget_aside(step, event, endpoint)?;
        let now = step.now.as_micros();
        rest::put(
            step,
            put_to_rest!("WHERE event_id = ?3 AND endpoint_id = ?4 AND state = 1 AND epoch = 0"),
            values![expired(), now, event, endpoint],
        )?;
    }
    Ok(Upkeep::More)
}

const fn expired() -> u8 {
    State::Cancelled(CancelReason::Expired).code()
}
