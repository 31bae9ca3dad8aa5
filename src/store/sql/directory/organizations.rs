//! Changes of organizations (W1 to W3).
//!
//! An organization that is deleted keeps its row for its history. Its number is given again only with that history, and only
//! if that is what was said ([`OrganizationChange::restore`]): a platform that gives old numbers to new organizations must not
//! show one what another was sent.

use super::super::accounts;
use super::super::erase;
use super::super::notices;
use super::super::step::Step;
use super::audit::{self, Act};
use super::sweep::{self, Reason};
use crate::store::directory::{Changed, OrganizationChange, SwitchChange};
use crate::store::sql::database::{DirectoryChange, Sql, values};
use crate::store::{Actor, StoreError};
use std::sync::Arc;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::organization::{KeptDays, Organization, Switch};
use tidings_core::time::Timestamp;

/// Creates or changes an organization; what waits is cancelled when its last add-on goes (W2).
pub fn put(
    step: &mut Step<'_>,
    id: OrganizationId,
    change: OrganizationChange,
    actor: &Actor,
) -> Result<Arc<Organization>, StoreError> {
    let before = step.tables.organization(id).cloned();
    if before.is_none() {
        check_free(step.sql(), id, change.restore)?;
    }
    let mut record = match &before {
        Some(before) => Organization::clone(before),
        None => Organization {
            id,
            name: String::new(),
            slug: None,
            add_ons: change.add_ons,
            webhooks: Switch::Off,
            kept: KeptDays::default(),
            created_at: step.now,
            updated_at: step.now,
        },
    };
    record.name = change.name;
    record.slug = change.slug.or(record.slug);
    record.add_ons = change.add_ons;
    record.kept = change.kept.unwrap_or(record.kept);
    if let Some(before) = before.as_ref().filter(|before| ***before == record) {
        return Ok(Arc::clone(before));
    }
    record.updated_at = step.now;
    write(step, &record)?;
    note_suspension(step, &record)?;
    if let Some(before) = &before {
        let (had, has) = (
            before.add_ons.grant_webhooks(),
            record.add_ons.grant_webhooks(),
        );
        if had && !has {
            let endpoints = step.tables.endpoint_ids(id);
            sweep::cancel(step, endpoints, Reason::AddOn)?;
        } else if has && !had {
            wake(step, &record);
        }
    }
    Act::new("organization.put", Some(id), id.to_string())
        .turning(
            before.as_deref().map(audit::organization),
            Some(audit::organization(&record)),
        )
        .record(step, actor)?;
    Ok(seen(step, record))
}

/// Whether the number can be given to an organization.
fn check_free(sql: &dyn Sql, id: OrganizationId, restore: bool) -> Result<(), StoreError> {
    if erase::is_running(sql, id)? {
        return Err(StoreError::BeingErased { organization: id });
    }
    let deleted_at: Option<i64> = sql
        .one(
            "SELECT deleted_at FROM organizations WHERE id = ?1",
            values![id.get()],
            |row| row.get(0),
        )?
        .flatten();
    match deleted_at.map(Timestamp::from_micros) {
        Some(deleted_at) if !restore => Err(StoreError::WasDeleted {
            organization: id,
            deleted_at,
        }),
        _ => Ok(()),
    }
}

/// Sets the switch of W3.
pub fn set_webhooks(
    step: &mut Step<'_>,
    id: OrganizationId,
    change: SwitchChange,
    actor: &Actor,
) -> Result<Changed<Arc<Organization>>, StoreError> {
    let switch = change.switch();
    let Some(before) = step.tables.organization(id).cloned() else {
        return Ok(Changed::NotFound);
    };
    if switch.is_on() && !before.add_ons.grant_webhooks() {
        return Ok(Changed::AddOnRequired);
    }
    if before.webhooks == switch {
        return Ok(Changed::Done(before));
    }
    let record = switched(step, &before, switch, actor)?;
    if change == SwitchChange::OnDiscardHeld {
        discard(step, id)?;
    }
    if switch.is_on() {
        wake(step, &record);
    }
    notices::switched_all(step, &record, actor)?;
    Ok(Changed::Done(seen(step, record)))
}

/// Writes the organization's switch, on the record.
pub fn switched(
    step: &mut Step<'_>,
    before: &Organization,
    switch: Switch,
    actor: &Actor,
) -> Result<Organization, StoreError> {
    let record = Organization {
        webhooks: switch,
        updated_at: step.now,
        ..before.clone()
    };
    write(step, &record)?;
    Act::new("webhooks.set", Some(record.id), record.id.to_string())
        .turning(
            Some(audit::organization(before)),
            Some(audit::organization(&record)),
        )
        .record(step, actor)?;
    Ok(record)
}

/// Deletes an organization with its endpoints and keys; what waits is cancelled.
pub fn delete(
    step: &mut Step<'_>,
    id: OrganizationId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let Some(before) = step.tables.organization(id).cloned() else {
        return Ok(Changed::NotFound);
    };
    let endpoints = step.tables.endpoint_ids(id);
    sweep::cancel(step, endpoints, Reason::Deleted)?;
    for endpoint in endpoints {
        super::endpoints::erase(step, *endpoint)?;
    }
    let sql = step.sql();
    let now = step.now.as_micros();
    sql.execute(
        "UPDATE api_keys SET revoked_at = ?1 WHERE organization_id = ?2 AND revoked_at IS NULL",
        values![now, id.get()],
    )?;
    sql.execute(
        "UPDATE organizations SET deleted_at = ?1 WHERE id = ?2",
        values![now, id.get()],
    )?;
    accounts::forget_organization(sql, id)?;
    Act::new("organization.delete", Some(id), id.to_string())
        .turning(Some(audit::organization(&before)), None)
        .record(step, actor)?;
    step.apply(DirectoryChange::Organization(id), move |tables| {
        tables.remove_organization(id);
    });
    Ok(Changed::Done(()))
}

fn write(step: &Step<'_>, record: &Organization) -> Result<(), StoreError> {
    step.sql().execute("INSERT INTO organizations (id, name, slug, add_ons, webhooks, created_at, updated_at, bodies_days,
                attempts_days)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, slug = excluded.slug, add_ons = excluded.add_ons,
                webhooks = excluded.webhooks, created_at = excluded.created_at, updated_at = excluded.updated_at,
                bodies_days = excluded.bodies_days, attempts_days = excluded.attempts_days, deleted_at = NULL", values![record.id.get(),
            record.name,
            record.slug,
            record.add_ons.bits(),
            record.webhooks.is_on(),
            record.created_at.as_micros(),
            record.updated_at.as_micros(),
            record.kept.bodies,
            record.kept.attempts,])?;
    Ok(())
}

/// Keeps the times without an add-on: what an organization missed then is not replayable (W2).
fn note_suspension(step: &mut Step<'_>, record: &Organization) -> Result<(), StoreError> {
    let id = step.next_id();
    let sql = if record.add_ons.grant_webhooks() {
        "UPDATE suspensions SET to_event = ?2 WHERE organization_id = ?1 AND to_event IS NULL"
    } else {
        "INSERT INTO suspensions (organization_id, from_event) SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM suspensions WHERE organization_id = ?1 AND to_event IS NULL)"
    };
    step.sql().execute(sql, values![record.id.get(), id])?;
    Ok(())
}

fn seen(step: &mut Step<'_>, record: Organization) -> Arc<Organization> {
    let record = Arc::new(record);
    let answer = Arc::clone(&record);
    step.apply(DirectoryChange::Organization(record.id), move |tables| {
        tables.put_organization(record);
    });
    answer
}

/// Cancels what waits at its endpoints; what one of them holds that is off itself stays its own switch's affair.
fn discard(step: &mut Step<'_>, id: OrganizationId) -> Result<(), StoreError> {
    let is_on = |id: &EndpointId| {
        let found = step.tables.endpoint(*id);
        found.is_some_and(|endpoint| endpoint.switch.is_on())
    };
    let endpoints = step.tables.endpoint_ids(id).iter().copied();
    let open: Vec<_> = endpoints.filter(is_on).collect();
    sweep::cancel(step, &open, Reason::Discarded)
}

/// Its endpoints may have held deliveries that can go now.
fn wake(step: &mut Step<'_>, record: &Organization) {
    for endpoint in step.tables.endpoint_ids(record.id) {
        step.waits(*endpoint, step.now);
    }
}
