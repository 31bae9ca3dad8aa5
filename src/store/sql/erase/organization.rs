//! Erasing everything of an organization: its own events with everybody's deliveries of them, the deliveries it got of
//! others' public events (those events stay), what operators were told of it, and what the directory, the statistics and the
//! people's tables hold of it.
//!
//! It is deleted first, so nothing new can come; it cannot be made anew before this has ended. On the audit log its
//! entries stay, without what they say of before and after.

use super::super::accounts;
use super::super::audit;
use super::super::database::{Sql, values};
use super::super::directory::delete_organization;
use super::super::notices;
use super::super::purge::{self, Budget, Purged};
use super::super::step::Step;
use super::{OF_ORGANIZATION, Running, Stepped, is_listed, read};
use crate::store::audit::ERASE;
use crate::store::directory::Changed;
use crate::store::erasure::Erasure;
use crate::store::{Actor, StoreError};
use serde_json::json;
use tidings_core::id::{AccountId, EventId, OrganizationId};

/// Own events that one step looks at.
const EVENTS: usize = 200;

/// Deletes it if it is there, stops its fan-outs, and leaves the rest to upkeep. Answers with its events that nodes have in
/// memory.
pub fn begin(
    step: &mut Step<'_>,
    id: OrganizationId,
    actor: &Actor,
) -> Result<Option<(Erasure, Vec<EventId>)>, StoreError> {
    let sql = step.sql();
    if let Some(running) = sql.one(OF_ORGANIZATION, values![id.get()], read)? {
        return Ok(Some((running, Vec::new())));
    }
    let accounts = people(sql, id)?;
    if matches!(delete_organization(step, id, actor)?, Changed::NotFound)
        && !sql.exists(
            "SELECT 1 FROM organizations WHERE id = ?1",
            values![id.get()],
        )?
    {
        return Ok(None);
    }
    sql.execute(
        "DELETE FROM former_grants WHERE organization_id = ?1",
        values![id.get()],
    )?;
    let erasure = super::begin(step, id, None)?;
    let said = json!({ "erasure": erasure.id.to_string(), "accounts": accounts });
    audit::Act::new(ERASE, Some(id), id.to_string())
        .turning(None, Some(said))
        .record(step, actor)?;
    sql.execute(
        "DELETE FROM fan_outs WHERE event_id IN (
            SELECT f.event_id FROM fan_outs f JOIN events e ON e.id = f.event_id WHERE e.organization_id = ?1)",
        values![id.get()],
    )?;
    let in_memory = sql.all(
        "SELECT DISTINCT d.event_id FROM deliveries d JOIN events e ON e.id = d.event_id
         WHERE d.state = 1 AND d.epoch <> 0 AND e.organization_id = ?1",
        values![id.get()],
        |row| Ok(EventId::from_raw(row.get(0)?)),
    )?;
    Ok(Some((erasure, in_memory)))
}

/// Accounts that were let into this organization alone go, with their sessions, also when it was deleted before; those of
/// operators and of others stay. Answers which went: the log tells by them which of its entries were erased.
fn people(sql: &dyn Sql, id: OrganizationId) -> Result<Vec<String>, StoreError> {
    const ITS_OWN: &str = "SELECT account_id FROM (
            SELECT account_id FROM account_grants WHERE organization_id = ?1
            UNION SELECT account_id FROM former_grants WHERE organization_id = ?1) AS let_in
         WHERE account_id NOT IN (SELECT account_id FROM account_grants WHERE organization_id <> ?1)
            AND account_id NOT IN (SELECT account_id FROM former_grants WHERE organization_id <> ?1)
            AND account_id NOT IN (SELECT id FROM accounts WHERE operator = 1)";
    let people = sql.all(ITS_OWN, values![id.get()], |row| row.get::<i64>(0))?;
    let ids = people.into_iter().map(AccountId::from_raw);
    ids.map(|id| {
        audit::redact_account(sql, id)?;
        accounts::delete(sql, id)?;
        Ok(id.to_string())
    })
    .collect()
}

/// The next rows of whatever is left.
pub fn step(
    step: &mut Step<'_>,
    running: &Running,
    budget: &mut Budget,
) -> Result<Stepped, StoreError> {
    if !is_listed(step.sql(), running.up_to_event)? {
        return Ok(Stepped::Waits);
    }
    let owner = running.organization;
    // Begun by another node, perhaps.
    step.memory.withheld.add([]);
    let mut waits = own_events(step, owner, budget)?;
    if !budget.is_spent() {
        waits |= received(step, owner, budget)?;
    }
    if !budget.is_spent() {
        waits |= notices::erase_about(step, owner, budget)?;
    }
    if !budget.is_spent() {
        beside(step.sql(), owner, budget)?;
    }
    if budget.removed > 0 {
        return Ok(Stepped::More);
    }
    if waits {
        return Ok(Stepped::Waits);
    }
    if let Some(id) = OrganizationId::new(owner) {
        budget.spend(audit::redact(step.sql(), id, budget.limit())?);
    }
    if budget.is_spent() {
        return Ok(Stepped::More);
    }
    directory(step.sql(), owner, budget)?;
    Ok(Stepped::Ended)
}

/// Own events; answers whether one has to wait for a try.
fn own_events(step: &mut Step<'_>, owner: i64, budget: &mut Budget) -> Result<bool, StoreError> {
    let (mut waits, mut after) = (false, i64::MIN);
    loop {
        let events = step.sql().all(
            "SELECT event_id FROM events_listed WHERE organization_id = ?1 AND event_id > ?2
             ORDER BY event_id LIMIT ?3",
            values![owner, after, EVENTS],
            |row| row.get::<i64>(0),
        )?;
        let Some(last) = events.last().copied() else {
            return Ok(waits);
        };
        for event in events {
            if purge::event(step, event, budget)? == Purged::InFlight {
                waits = true;
                step.memory.withheld.add([EventId::from_raw(event)]);
            }
            if budget.is_spent() {
                return Ok(waits);
            }
        }
        after = last;
    }
}

/// Deliveries of others' public events to its endpoints; answers whether one has to wait for a try.
fn received(step: &mut Step<'_>, owner: i64, budget: &mut Budget) -> Result<bool, StoreError> {
    let endpoints = step.sql().all(
        "SELECT id FROM endpoints WHERE organization_id = ?1 ORDER BY id",
        values![owner],
        |row| row.get::<i64>(0),
    )?;
    let mut waits = false;
    for endpoint in endpoints {
        let mut after = i64::MIN;
        while !budget.is_spent() {
            let events = step.sql().all(
                "SELECT l.event_id, CAST(CASE WHEN d.state = 1 AND d.epoch <> 0 THEN 1 ELSE 0 END AS BIGINT)
                 FROM deliveries_listed l LEFT JOIN deliveries d
                    ON d.event_id = l.event_id AND d.endpoint_id = l.endpoint_id
                 WHERE l.endpoint_id = ?1 AND l.event_id > ?2 ORDER BY l.event_id LIMIT ?3",
                values![endpoint, after, budget.limit().div_ceil(3)],
                |row| Ok((row.get::<i64>(0)?, row.get::<bool>(1)?)),
            )?;
            let Some((last, _)) = events.last() else {
                break;
            };
            after = *last;
            for (event, in_flight) in events {
                match in_flight {
                    true => waits = true,
                    false => purge::delivery(step, event, endpoint, budget)?,
                }
            }
        }
    }
    Ok(waits)
}

/// What lies in tables of its own, many rows each.
fn beside(sql: &dyn Sql, owner: i64, budget: &mut Budget) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM idempotency_keys WHERE (organization_id, key) IN (
            SELECT organization_id, key FROM idempotency_keys WHERE organization_id = ?1 LIMIT ?2)",
        "DELETE FROM stats WHERE (subject, bucket, measure) IN (
            SELECT subject, bucket, measure FROM stats WHERE subject = -CAST(?1 AS BIGINT) LIMIT ?2)",
        "DELETE FROM stats WHERE (subject, bucket, measure) IN (
            SELECT s.subject, s.bucket, s.measure FROM endpoints e CROSS JOIN stats s ON s.subject = e.id
            WHERE e.organization_id = ?1 LIMIT ?2)",
        "DELETE FROM endpoint_versions WHERE (endpoint_id, version) IN (
            SELECT v.endpoint_id, v.version FROM endpoints e CROSS JOIN endpoint_versions v ON v.endpoint_id = e.id
            WHERE e.organization_id = ?1 LIMIT ?2)",
        "DELETE FROM replays WHERE id IN (SELECT id FROM replays WHERE organization_id = ?1 LIMIT ?2)",
        "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE organization_id = ?1 LIMIT ?2)",
    ] {
        if !budget.is_spent() {
            budget.spend(sql.execute(statement, values![owner, budget.limit()])?);
        }
    }
    Ok(())
}

/// The last rows: its endpoints and itself.
fn directory(sql: &dyn Sql, owner: i64, budget: &mut Budget) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM sweeps WHERE endpoint_id IN (SELECT id FROM endpoints WHERE organization_id = ?1)",
        "DELETE FROM subscriptions WHERE endpoint_id IN (SELECT id FROM endpoints WHERE organization_id = ?1)",
        "DELETE FROM endpoints WHERE organization_id = ?1",
        "DELETE FROM suspensions WHERE organization_id = ?1",
        "DELETE FROM organizations WHERE id = ?1",
    ] {
        budget.spend(sql.execute(statement, values![owner])?);
    }
    Ok(())
}
