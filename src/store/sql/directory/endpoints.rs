//! Changes of endpoints (W1, W3, W6).

use super::super::notices;
use super::super::step::Step;
use super::super::tables::SealedSecrets;
use super::super::tables::rows::audience_code;
use super::audit::{self, Act};
use super::organizations;
use super::sealing_failed;
use super::sweep::{self, Reason};
use crate::store::directory::{
    Changed, CreateEndpoint, Endpoint, EndpointPatch, NewEndpoint, SwitchChange,
};
use crate::store::headers::{self, Of};
use crate::store::seal::{MasterKey, Place};
use crate::store::sql::database::{DirectoryChange, values};
use crate::store::{Actor, StoreError};
use std::sync::Arc;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::WireType;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::limits::ENDPOINTS_PER_ORGANIZATION;
use tidings_core::organization::Switch;

/// Makes an endpoint; the first one turns the organization's switch on (W3).
pub fn create(
    step: &mut Step<'_>,
    key: &MasterKey,
    owner: OrganizationId,
    new: NewEndpoint,
    actor: &Actor,
) -> Result<CreateEndpoint, StoreError> {
    let Some(organization) = step.tables.organization(owner).cloned() else {
        return Ok(CreateEndpoint::NoOrganization);
    };
    if !organization.add_ons.grant_webhooks() {
        return Ok(CreateEndpoint::AddOnRequired);
    }
    let others = step.tables.endpoint_ids(owner).len();
    if others >= ENDPOINTS_PER_ORGANIZATION {
        return Ok(CreateEndpoint::LimitReached);
    }
    let id = EndpointId::from_raw(step.next_id());
    let newest = key
        .seal(Place::NewestSecret(owner, id), new.secret.expose())
        .map_err(sealing_failed)?;
    let record = Endpoint {
        id,
        organization: owner,
        url: new.url,
        description: new.description.into(),
        event_types: interned(step, new.event_types),
        switch: new.switch,
        headers: new.headers.names(),
        version: 1,
        created_at: step.now,
        updated_at: step.now,
    };
    let secrets = SealedSecrets {
        newest,
        older: None,
        headers: headers::seal(key, Of::record(&record), &new.headers)?,
    };
    insert(step, &record, &secrets)?;
    write_version(step, &record)?;
    write_choice(step, &record)?;
    Act::new("endpoint.create", Some(owner), id.to_string())
        .turning(None, Some(audit::endpoint(&record)))
        .record(step, actor)?;
    let opened = if others == 0 && !organization.webhooks.is_on() {
        Some(organizations::switched(
            step,
            &organization,
            Switch::On,
            actor,
        )?)
    } else {
        None
    };
    let record = Arc::new(record);
    let answer = Arc::clone(&record);
    step.apply(DirectoryChange::Organization(owner), move |tables| {
        if let Some(organization) = opened {
            tables.put_organization(Arc::new(organization));
        }
        tables.put_endpoint(record, secrets);
    });
    Ok(CreateEndpoint::Created(answer))
}

/// Changes an endpoint.
pub fn patch(
    step: &mut Step<'_>,
    key: &MasterKey,
    (owner, id): (OrganizationId, EndpointId),
    mut patch: EndpointPatch,
    actor: &Actor,
) -> Result<Changed<Arc<Endpoint>>, StoreError> {
    let Some((before, mut secrets)) = find(step, owner, id) else {
        return Ok(Changed::NotFound);
    };
    let granted = step
        .tables
        .organization(owner)
        .is_some_and(|organization| organization.add_ons.grant_webhooks());
    let switched = patch.switch;
    if !granted && switched.is_some_and(|change| change.switch().is_on()) {
        return Ok(Changed::AddOnRequired);
    }
    // Headers that do not open differ from any: giving them anew mends that.
    let sealed = secrets.headers.as_deref();
    let differ = |given: &CustomHeaders| {
        headers::open(key, &before, sealed).map_or(true, |there| there != *given)
    };
    let other_headers = patch.headers.take().filter(differ);
    let mut record = patched(step, &before, patch);
    if record == *before && other_headers.is_none() {
        return Ok(Changed::Done(before));
    }
    record.updated_at = step.now;
    if record.url != before.url || other_headers.is_some() {
        record.version = before.version.saturating_add(1);
        secrets.headers = match other_headers {
            Some(given) => {
                record.headers = given.names();
                headers::seal(key, Of::record(&record), &given)?
            }
            None => headers::carry(key, &before, sealed, record.version)?,
        };
        write_version(step, &record)?;
    }
    if record.event_types != before.event_types {
        step.sql().execute(
            "DELETE FROM subscriptions WHERE endpoint_id = ?1",
            values![id.raw()],
        )?;
        write_choice(step, &record)?;
    }
    if record.switch.is_on() && !before.switch.is_on() {
        if switched == Some(SwitchChange::OnDiscardHeld) {
            sweep::cancel(step, &[id], Reason::Discarded)?;
        }
        step.waits(id, step.now);
    }
    update(step, &record, &secrets)?;
    Act::new("endpoint.patch", Some(owner), id.to_string())
        .turning(
            Some(audit::endpoint(&before)),
            Some(audit::endpoint(&record)),
        )
        .record(step, actor)?;
    if record.switch != before.switch {
        notices::switched(step, &record, actor)?;
    }
    Ok(Changed::Done(seen(step, record, secrets)))
}

/// Deletes an endpoint; what waits is cancelled, its history stays.
pub fn delete(
    step: &mut Step<'_>,
    owner: OrganizationId,
    id: EndpointId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let Some((before, _)) = find(step, owner, id) else {
        return Ok(Changed::NotFound);
    };
    sweep::cancel(step, &[id], Reason::Deleted)?;
    erase(step, id)?;
    Act::new("endpoint.delete", Some(owner), id.to_string())
        .turning(Some(audit::endpoint(&before)), None)
        .record(step, actor)?;
    step.apply(DirectoryChange::Organization(owner), move |tables| {
        tables.remove_endpoint(id);
    });
    Ok(Changed::Done(()))
}

/// An endpoint within its organization, and its sealed secrets.
pub fn find(
    step: &Step<'_>,
    owner: OrganizationId,
    id: EndpointId,
) -> Option<(Arc<Endpoint>, SealedSecrets)> {
    step.tables
        .secrets(id)
        .filter(|(record, _)| record.organization == owner)
        .map(|(record, secrets)| (Arc::clone(record), secrets.clone()))
}

/// Shows an endpoint in memory once the commit is on disk.
pub fn seen(step: &mut Step<'_>, record: Endpoint, secrets: SealedSecrets) -> Arc<Endpoint> {
    let record = Arc::new(record);
    let answer = Arc::clone(&record);
    let changed = DirectoryChange::Organization(record.organization);
    step.apply(changed, move |tables| tables.put_endpoint(record, secrets));
    answer
}

/// Marks an endpoint's row as deleted and forgets its secrets, headers and choice.
pub fn erase(step: &Step<'_>, id: EndpointId) -> Result<(), StoreError> {
    let sql = step.sql();
    sql.execute(
        "DELETE FROM subscriptions WHERE endpoint_id = ?1",
        values![id.raw()],
    )?;
    sql.execute("UPDATE endpoints SET deleted_at = ?1, newest_secret = ?2, older_secret = NULL, older_until = NULL,
            header_names = '[]', sealed_headers = NULL
         WHERE id = ?3", values![step.now.as_micros(), [0_u8; 0], id.raw()])?;
    Ok(())
}

/// Without its headers, which are sealed.
fn patched(step: &Step<'_>, before: &Endpoint, patch: EndpointPatch) -> Endpoint {
    let mut record = before.clone();
    if let Some(url) = patch.url {
        record.url = url;
    }
    if let Some(description) = patch.description {
        record.description = description.into();
    }
    if let Some(event_types) = patch.event_types {
        record.event_types = interned(step, event_types);
    }
    record.switch = patch.switch.map_or(before.switch, SwitchChange::switch);
    record
}

/// The same types, sharing the catalogue's texts: many endpoints choose the same few.
fn interned(step: &Step<'_>, chosen: Vec<WireType>) -> Box<[WireType]> {
    let types = &step.tables.types;
    chosen
        .into_iter()
        .map(|wire| {
            let known = types
                .name_id(&wire.name)
                .and_then(|id| types.wire_type(id, wire.audience));
            known.cloned().unwrap_or(wire)
        })
        .collect()
}

fn insert(step: &Step<'_>, record: &Endpoint, secrets: &SealedSecrets) -> Result<(), StoreError> {
    step.sql().execute("INSERT INTO endpoints (id, organization_id, url, description, header_names, enabled, version, newest_secret,
                created_at, updated_at, sealed_headers)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)", values![record.id.raw(),
            record.organization.get(),
            record.url.as_str(),
            record.description,
            headers::names_text(&record.headers)?,
            record.switch.is_on(),
            record.version,
            secrets.newest,
            record.created_at.as_micros(),
            secrets.headers,])?;
    Ok(())
}

fn update(step: &Step<'_>, record: &Endpoint, secrets: &SealedSecrets) -> Result<(), StoreError> {
    step.sql().execute("UPDATE endpoints SET url = ?2, description = ?3, header_names = ?4, enabled = ?5, version = ?6,
                updated_at = ?7, sealed_headers = ?8
             WHERE id = ?1", values![record.id.raw(),
            record.url.as_str(),
            record.description,
            headers::names_text(&record.headers)?,
            record.switch.is_on(),
            record.version,
            record.updated_at.as_micros(),
            secrets.headers,])?;
    Ok(())
}

/// What attempts are made with from now on: the URL, and what the headers are called.
fn write_version(step: &Step<'_>, record: &Endpoint) -> Result<(), StoreError> {
    step.sql().execute("INSERT INTO endpoint_versions (endpoint_id, version, url, header_names) VALUES (?1, ?2, ?3, ?4)", values![record.id.raw(),
            record.version,
            record.url.as_str(),
            headers::names_text(&record.headers)?,])?;
    Ok(())
}

fn write_choice(step: &Step<'_>, record: &Endpoint) -> Result<(), StoreError> {
    let sql = step.sql();
    for wire in &record.event_types {
        let name_id: Option<i64> = sql.one(
            "SELECT id FROM event_type_names WHERE name = ?1",
            values![wire.name.as_str()],
            |row| row.get(0),
        )?;
        let Some(name_id) = name_id else {
            return Err(StoreError::Internal {
                what: format!("{wire} is not in the catalogue"),
            });
        };
        sql.execute(
            "INSERT INTO subscriptions (endpoint_id, name_id, audience) VALUES (?1, ?2, ?3)",
            values![record.id.raw(), name_id, audience_code(wire.audience)],
        )?;
    }
    Ok(())
}
