//! Replays: going through a range of events and making due again, or at last, what was asked for.
//!
//! A step looks at a bounded number of events, with one look-up each on the deliveries' key. Running replays
//! take turns.

use super::super::database::values;
use super::super::log::include_of;
use super::super::queue::{Posted, Recipient, Start, make_all};
use super::super::step::Step;
use super::super::tables::NameId;
use crate::store::StoreError;
use crate::store::directory::Sending;
use crate::store::log::ReplayInclude;
use crate::store::queue::Upkeep;
use tidings_core::delivery::{Resting, Round, State};
use tidings_core::event_type::Audience;
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// Events looked at in one step.
const EXAMINED: usize = 500;

struct Replay {
    id: i64,
    organization: OrganizationId,
    endpoint: EndpointId,
    include: ReplayInclude,
    next: i64,
    end: i64,
}

/// One step of the next running replay.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let last = step.memory.chores.last_replay;
    let replay = match running(step, last)? {
        Some(replay) => replay,
        None => match running(step, 0)? {
            Some(replay) => replay,
            None => return Ok(Upkeep::Idle),
        },
    };
    step.memory.chores.last_replay = replay.id;
    if matches!(
        step.tables.sending(replay.endpoint),
        None | Some(Sending::Suspended)
    ) {
        step.sql().execute(
            "UPDATE replays SET state = 2 WHERE id = ?1",
            values![replay.id],
        )?;
        return Ok(Upkeep::More);
    }
    let events = events(step, &replay)?;
    let mut queued = 0_usize;
    for event in &events {
        if again(step, &replay, event, now)? {
            queued += 1;
        }
    }
    let examined = events.len();
    let done = examined < EXAMINED;
    let next = events
        .last()
        .map_or(replay.next, |event| event.posted.id.raw().saturating_add(1));
    step.sql().execute(
        "UPDATE replays SET next_event = ?1, examined = examined + ?2, queued = queued + ?3, state = ?4
         WHERE id = ?5",
        values![next, examined, queued, done, replay.id],
    )?;
    Ok(Upkeep::More)
}

fn running(step: &Step<'_>, after: i64) -> Result<Option<Replay>, StoreError> {
    step.sql().one(
        "SELECT id, organization_id, endpoint_id, include, next_event, end_event
         FROM replays INDEXED BY replays_running
         WHERE state = 0 AND id > ?1 ORDER BY id LIMIT 1 /* claim */",
        values![after],
        |row| {
            Ok(Replay {
                id: row.get(0)?,
                organization: row.get(1)?,
                endpoint: EndpointId::from_raw(row.get(2)?),
                include: include_of(row.get(3)?),
                next: row.get(4)?,
                end: row.get(5)?,
            })
        },
    )
}

/// An event in the range, and how its delivery to the endpoint rests if there is one.
struct Examined {
    posted: Posted,
    delivery: Option<u8>,
}

/// The next events of the range; tests are none.
fn events(step: &Step<'_>, replay: &Replay) -> Result<Vec<Examined>, StoreError> {
    step.sql().all(
        "SELECT e.id, e.organization_id, e.name_id, e.public, e.accepted_at, d.state
         FROM events e LEFT JOIN deliveries d ON d.event_id = e.id AND d.endpoint_id = ?1
         WHERE e.id >= ?2 AND e.id < ?3 AND e.test = 0 AND e.erased_at IS NULL ORDER BY e.id LIMIT ?4",
        values![replay.endpoint.raw(), replay.next, replay.end, EXAMINED],
        |row| {
            Ok(Examined {
                posted: Posted {
                    id: EventId::from_raw(row.get(0)?),
                    organization: row.get(1)?,
                    name: NameId(row.get(2)?),
                    public: row.get(3)?,
                    accepted_at: Timestamp::from_micros(row.get(4)?),
                },
                delivery: row.get(5)?,
            })
        },
    )
}

/// Makes the event's delivery due again if the replay includes it; answers whether it did.
fn again(
    step: &mut Step<'_>,
    replay: &Replay,
    event: &Examined,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let include = replay.include;
    let resting = match event.delivery {
        Some(code) => match State::from_code(code).and_then(State::resting) {
            Some(resting) => resting,
            None => return Ok(false),
        },
        None if include.missing => return missed(step, replay, &event.posted),
        None => return Ok(false),
    };
    let included = match resting {
        Resting::Exhausted => include.exhausted,
        Resting::Cancelled(_) => include.cancelled,
        Resting::Delivered => include.delivered,
    };
    if !included || !has_body(step, event.posted.id)? {
        return Ok(false);
    }
    let changed = step.sql().execute(
        "UPDATE deliveries SET state = 0, round = ?1, failures = 0, due_at = ?2, rested_at = NULL
         WHERE event_id = ?3 AND endpoint_id = ?4 AND state = ?5",
        values![
            Round::Replay(resting).code(),
            now.as_micros(),
            event.posted.id.raw(),
            replay.endpoint.raw(),
            event.delivery,
        ],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    step.waits(replay.endpoint, now);
    Ok(true)
}

/// Makes the delivery that an event should have had by the endpoint's choice.
fn missed(step: &mut Step<'_>, replay: &Replay, event: &Posted) -> Result<bool, StoreError> {
    let audience = if event.organization == replay.organization {
        Audience::Own
    } else if event.public {
        Audience::Public
    } else {
        return Ok(false);
    };
    if !chosen(step, replay.endpoint, event.name, audience)
        || while_suspended(step, replay.organization, event.id)?
        || !has_body(step, event.id)?
    {
        return Ok(false);
    }
    let recipient = Recipient {
        endpoint: replay.endpoint,
        organization: replay.organization,
        audience,
    };
    let wanted = vec![(recipient, Start::Waiting)];
    Ok(make_all(step, event, Round::Plan, wanted, false)? > 0)
}

fn chosen(step: &Step<'_>, id: EndpointId, name: NameId, audience: Audience) -> bool {
    match (
        step.tables.types.wire_type(name, audience),
        step.tables.endpoint(id),
    ) {
        (Some(wire), Some(endpoint)) => endpoint.event_types.contains(wire),
        _ => false,
    }
}

/// What an organization missed without an add-on is not replayable (W2).
fn while_suspended(
    step: &Step<'_>,
    organization: OrganizationId,
    event: EventId,
) -> Result<bool, StoreError> {
    step.sql().exists(
        "SELECT 1 FROM suspensions
         WHERE organization_id = ?1 AND from_event < ?2 AND (to_event IS NULL OR to_event > ?2) LIMIT 1",
        values![organization.get(), event.raw()],
    )
}

fn has_body(step: &Step<'_>, event: EventId) -> Result<bool, StoreError> {
    step.sql().exists(
        "SELECT 1 FROM bodies WHERE event_id = ?1",
        values![event.raw()],
    )
}
