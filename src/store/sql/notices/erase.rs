//! Erasing what notices say of an organization: those that operators were told as events, those that wait to be mailed, and
//! what is kept of its endpoints' trouble.
//!
//! Events are found by their reference: an endpoint's id, or the organization's number where it is about all of them.
//! Deliberately absent: an organization that was used for notices before another one was; its events end with their retention.

use super::super::database::values;
use super::super::purge::{self, Budget, Purged};
use super::super::step::Step;
use crate::store::StoreError;
use tidings_core::event_type::EventTypeName;
use tidings_core::id::EndpointId;
use tidings_core::notice::Kind;

/// Removes what one step may; answers whether something has to wait for a try.
pub(in super::super) fn about(
    step: &mut Step<'_>,
    owner: i64,
    budget: &mut Budget,
) -> Result<bool, StoreError> {
    // Compact JSON of our own: within a text the quotes would stand escaped.
    let named = format!("%\"organization\":{{\"id\":{owner},%");
    let sql = step.sql();
    budget.spend(sql.execute(
        "DELETE FROM notice_mails WHERE data LIKE ?1",
        values![named.as_str()],
    )?);
    for statement in [
        "DELETE FROM trouble_notes WHERE endpoint_id IN (SELECT id FROM endpoints WHERE organization_id = ?1)",
        "DELETE FROM troubles WHERE endpoint_id IN (SELECT id FROM endpoints WHERE organization_id = ?1)",
    ] {
        budget.spend(sql.execute(statement, values![owner])?);
    }
    events(step, owner, budget)
}

fn events(step: &mut Step<'_>, owner: i64, budget: &mut Budget) -> Result<bool, StoreError> {
    let rule = step.memory.notices.rule.as_ref();
    let Some(told) = rule.and_then(|rule| rule.organization) else {
        return Ok(false);
    };
    let types = &step.tables.types;
    let kinds = Kind::ALL.into_iter().filter_map(|kind| {
        let name = EventTypeName::parse(kind.name()).ok()?;
        types.name_id(&name).map(|id| id.0)
    });
    let kinds: Vec<i64> = kinds.collect();
    let endpoints = step.sql().all(
        "SELECT id FROM endpoints WHERE organization_id = ?1 ORDER BY id",
        values![owner],
        |row| row.get::<i64>(0),
    )?;
    let ids = endpoints.into_iter().map(EndpointId::from_raw);
    let references = ids.map(|id| id.to_string()).chain([owner.to_string()]);
    let mut waits = false;
    for reference in references {
        let found = step.sql().all(
            "SELECT e.id, e.name_id FROM references_listed r JOIN events e ON e.id = r.event_id
             WHERE r.organization_id = ?1 AND r.reference = ?2",
            values![told.get(), reference.as_str()],
            |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
        )?;
        for (event, name) in found {
            if budget.is_spent() {
                return Ok(waits);
            }
            // What a producer posted under the same reference is none of ours.
            if kinds.contains(&name) {
                waits |= purge::event(step, event, budget)? == Purged::InFlight;
            }
        }
    }
    Ok(waits)
}
