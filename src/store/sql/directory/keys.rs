//! Making and revoking API keys. Only hashes are known here.

use super::super::accounts;
use super::super::step::Step;
use super::audit::{self, Act};
use crate::store::directory::{ApiKey, Changed, CreateKey, NewKey};
use crate::store::sql::database::{DirectoryChange, values};
use crate::store::{Actor, Reach, StoreError};
use std::sync::Arc;
use tidings_core::id::{KeyId, OrganizationId};
use tidings_core::limits::KEYS_PER_ORGANIZATION;

/// Stores a key. A hash in use answers the key it belongs to; one that was revoked stays so, whoever presets it.
pub fn create(step: &mut Step<'_>, new: NewKey, actor: &Actor) -> Result<CreateKey, StoreError> {
    if let Some(known) = step.tables.key(&new.hash) {
        return Ok(CreateKey::Created(Arc::clone(known)));
    }
    if let Some(owner) = new.scope.organization()
        && in_force(step, owner)? >= KEYS_PER_ORGANIZATION
    {
        return Ok(CreateKey::LimitReached);
    }
    let record = Arc::new(ApiKey {
        id: KeyId::from_raw(step.next_id()),
        scope: new.scope,
        description: new.description,
        created_at: step.now,
        expires_at: new.expires_at,
    });
    let owner = record.scope.organization();
    let stored = step.sql().execute("INSERT INTO api_keys (id, hash, scope, organization_id, description, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (hash) DO UPDATE SET id = excluded.id, scope = excluded.scope,
                organization_id = excluded.organization_id, description = excluded.description,
                created_at = excluded.created_at, expires_at = excluded.expires_at
             WHERE api_keys.revoked_at IS NULL", values![record.id.raw(),
            new.hash,
            record.scope.name(),
            owner.map(OrganizationId::get),
            record.description,
            record.created_at.as_micros(),
            record.expires_at.map(|moment| moment.as_micros()),])?;
    if stored == 0 {
        return Ok(CreateKey::Revoked);
    }
    Act::new("key.create", owner, record.id.to_string())
        .turning(None, Some(audit::key(&record)))
        .record(step, actor)?;
    let (hash, seen) = (new.hash, Arc::clone(&record));
    step.apply(changed(&record), move |tables| tables.put_key(hash, seen));
    Ok(CreateKey::Created(record))
}

/// How many keys an organization has.
fn in_force(step: &Step<'_>, owner: OrganizationId) -> Result<usize, StoreError> {
    let found: i64 = step.sql().get(
        "SELECT count(*) FROM api_keys
         WHERE organization_id = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
        values![owner.get(), step.now.as_micros()],
    )?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// Revokes a key within reach, with the links it made that nobody used.
pub fn revoke(
    step: &mut Step<'_>,
    reach: Reach,
    id: KeyId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let found = step.tables.key_by_id(id).filter(|key| within(reach, key));
    let Some(record) = found.cloned() else {
        return Ok(Changed::NotFound);
    };
    step.sql().execute(
        "UPDATE api_keys SET revoked_at = ?1 WHERE id = ?2",
        values![step.now.as_micros(), id.raw()],
    )?;
    accounts::end_made_by(step, &Actor::key(id), None, actor)?;
    Act::new("key.revoke", record.scope.organization(), id.to_string())
        .turning(Some(audit::key(&record)), None)
        .record(step, actor)?;
    step.apply(changed(&record), move |tables| tables.remove_key(id));
    Ok(Changed::Done(()))
}

/// What other nodes read again.
fn changed(record: &ApiKey) -> DirectoryChange {
    match record.scope.organization() {
        Some(owner) => DirectoryChange::Organization(owner),
        None => DirectoryChange::Key(record.id),
    }
}

/// Keys for everything are within the reach of operators only.
pub fn within(reach: Reach, key: &ApiKey) -> bool {
    match key.scope.organization() {
        Some(owner) => reach.covers(owner),
        None => reach == Reach::All,
    }
}
