//! Replays: asked for, looked at, stopped. Making the deliveries due is upkeep's, in small steps.
//!
//! A replay goes over the events from `next_event` up to, not including, `end_event`. What is accepted after it
//! was asked for is not part of it.

use super::super::audit::Act;
use super::super::step::Step;
use super::sql;
use crate::store::directory::Sending;
use crate::store::log::{NewReplay, Replay, ReplayInclude, ReplayStarted, ReplayState};
use crate::store::sql::database::{Row, Sql, unreadable, values};
use crate::store::{Actor, StoreError};
use serde_json::json;
use tidings_core::id::{EndpointId, EventId, OrganizationId, ReplayId};
use tidings_core::time::Timestamp;

/// Starts a replay, if the endpoint may be sent to and has none running.
pub fn start(
    step: &mut Step<'_>,
    new: &NewReplay,
    actor: &Actor,
) -> Result<ReplayStarted, StoreError> {
    let endpoint = step.tables.endpoint(new.endpoint);
    if endpoint.is_none_or(|endpoint| endpoint.organization != new.organization) {
        return Ok(ReplayStarted::NotFound);
    }
    match step.tables.sending(new.endpoint) {
        None => return Ok(ReplayStarted::NotFound),
        Some(Sending::Suspended) => return Ok(ReplayStarted::AddOnRequired),
        Some(Sending::Off) => return Ok(ReplayStarted::EndpointOff),
        Some(Sending::Open) => {}
    }
    // Another node may be about to start one, too: what is looked for next must be there by then.
    step.database.hold_replays(new.endpoint)?;
    let sql = step.sql();
    let running: Option<i64> =
        sql.one(sql::RUNNING, values![new.endpoint.raw()], |row| row.get(0))?;
    if let Some(id) = running {
        return Ok(ReplayStarted::Running(ReplayId::from_raw(id)));
    }
    let id = ReplayId::from_raw(step.next_id());
    let first = EventId::first_at(new.from).raw();
    let end = EventId::first_at(new.to).raw().min(id.raw()).max(first);
    sql.execute(
        "INSERT INTO replays (id, organization_id, endpoint_id, from_at, to_at, include, state, next_event, end_event,
            examined, queued, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, 0, 0, ?9)",
        values![
            id.raw(),
            new.organization.get(),
            new.endpoint.raw(),
            new.from.as_micros(),
            new.to.as_micros(),
            include_code(new.include),
            first,
            end,
            step.now.as_micros(),
        ],
    )?;
    let after = json!({
        "endpoint": new.endpoint.to_string(),
        "from": new.from.rfc3339(),
        "to": new.to.rfc3339(),
        "include": include_names(new.include),
    });
    step.leaves_upkeep();
    Act::new("replay.start", Some(new.organization), id.to_string())
        .turning(None, Some(after))
        .record(step, actor)?;
    match find(sql, new.organization, id)? {
        Some(replay) => Ok(ReplayStarted::Started(replay)),
        None => Ok(ReplayStarted::NotFound),
    }
}

/// How a replay stands.
pub fn find(
    sql: &dyn Sql,
    organization: OrganizationId,
    id: ReplayId,
) -> Result<Option<Replay>, StoreError> {
    let found = sql.one(sql::REPLAY, values![id.raw(), organization.get()], replay)?;
    Ok(found)
}

/// Stops a replay that runs; one that does not stays as it is.
pub fn stop(
    step: &mut Step<'_>,
    organization: OrganizationId,
    id: ReplayId,
    actor: &Actor,
) -> Result<Option<Replay>, StoreError> {
    let sql = step.sql();
    let stopped = sql.execute(
        "UPDATE replays SET state = 2 WHERE id = ?1 AND organization_id = ?2 AND state = 0",
        values![id.raw(), organization.get()],
    )?;
    if stopped > 0 {
        Act::new("replay.stop", Some(organization), id.to_string()).record(step, actor)?;
    }
    find(sql, organization, id)
}

fn replay(row: &dyn Row) -> Result<Replay, StoreError> {
    let from = Timestamp::from_micros(row.get(3)?);
    let state = match row.get::<i64>(6)? {
        0 => ReplayState::Running,
        1 => ReplayState::Done,
        2 => ReplayState::Stopped,
        _ => return Err(unreadable(6, "a replay's state")),
    };
    let (next, end): (i64, i64) = (row.get(7)?, row.get(8)?);
    Ok(Replay {
        id: ReplayId::from_raw(row.get(0)?),
        organization: row.get(1)?,
        endpoint: EndpointId::from_raw(row.get(2)?),
        from,
        to: Timestamp::from_micros(row.get(4)?),
        include: include_of(row.get(5)?),
        state,
        examined: row.get(9)?,
        queued: row.get(10)?,
        percent: match state {
            ReplayState::Done => 100,
            ReplayState::Running | ReplayState::Stopped => {
                percent(EventId::first_at(from).raw(), next, end)
            }
        },
        created_at: Timestamp::from_micros(row.get(11)?),
    })
}

/// How much of `first..end` lies before `next`; ids are times, so this is the part of the time range.
fn percent(first: i64, next: i64, end: i64) -> u8 {
    let whole = i128::from(end) - i128::from(first);
    let done = (i128::from(next) - i128::from(first)).clamp(0, whole.max(0));
    if whole <= 0 {
        return 100;
    }
    u8::try_from(done * 100 / whole).unwrap_or(100)
}

/// Bits of `include`, as the schema lists them.
const EXHAUSTED: u8 = 1;
const CANCELLED: u8 = 2;
const DELIVERED: u8 = 4;
const MISSING: u8 = 8;

/// The stored number of what a replay includes.
const fn include_code(include: ReplayInclude) -> u8 {
    (if include.exhausted { EXHAUSTED } else { 0 })
        | (if include.cancelled { CANCELLED } else { 0 })
        | (if include.delivered { DELIVERED } else { 0 })
        | (if include.missing { MISSING } else { 0 })
}

/// What a stored number includes.
pub const fn include_of(code: u8) -> ReplayInclude {
    ReplayInclude {
        exhausted: code & EXHAUSTED != 0,
        cancelled: code & CANCELLED != 0,
        delivered: code & DELIVERED != 0,
        missing: code & MISSING != 0,
    }
}

fn include_names(include: ReplayInclude) -> Vec<&'static str> {
    [
        (include.exhausted, "exhausted"),
        (include.cancelled, "cancelled"),
        (include.delivered, "delivered"),
        (include.missing, "missing"),
    ]
    .into_iter()
    .filter_map(|(wanted, name)| wanted.then_some(name))
    .collect()
}
