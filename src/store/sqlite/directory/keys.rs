//! Making and revoking API keys. Only hashes are known here.

use super::super::step::Step;
use super::audit::{self, Act};
use crate::store::directory::{ApiKey, Changed, NewKey};
use crate::store::{Actor, Reach, StoreError};
use rusqlite::params;
use std::sync::Arc;
use tidings_core::id::{KeyId, OrganizationId};

/// Stores a key. A hash in use answers the key it belongs to; a revoked one is made anew, so that a key that
/// is preset by the operator's settings is there at every start.
pub fn create(
    step: &mut Step<'_, '_>,
    new: NewKey,
    actor: &Actor,
) -> Result<Arc<ApiKey>, StoreError> {
    if let Some(known) = step.tables.key(&new.hash) {
        return Ok(Arc::clone(known));
    }
    let record = Arc::new(ApiKey {
        id: KeyId::from_raw(step.next_id()),
        scope: new.scope,
        description: new.description,
        created_at: step.now,
        expires_at: new.expires_at,
    });
    let owner = record.scope.organization();
    step.connection()
        .prepare_cached(
            "INSERT OR REPLACE INTO api_keys (id, hash, scope, organization_id, description, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            record.id.raw(),
            new.hash,
            record.scope.name(),
            owner.map(OrganizationId::get),
            record.description,
            record.created_at.as_micros(),
            record.expires_at.map(|moment| moment.as_micros()),
        ])?;
    Act::new("key.create", owner, record.id.to_string())
        .turning(None, Some(audit::key(&record)))
        .record(step, actor)?;
    let (hash, seen) = (new.hash, Arc::clone(&record));
    step.apply(move |tables| tables.put_key(hash, seen));
    Ok(record)
}

/// Revokes a key within reach.
pub fn revoke(
    step: &mut Step<'_, '_>,
    reach: Reach,
    id: KeyId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let found = step.tables.key_by_id(id).filter(|key| within(reach, key));
    let Some(record) = found.cloned() else {
        return Ok(Changed::NotFound);
    };
    step.connection().execute(
        "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1",
        params![id.raw(), step.now.as_micros()],
    )?;
    Act::new("key.revoke", record.scope.organization(), id.to_string())
        .turning(Some(audit::key(&record)), None)
        .record(step, actor)?;
    step.apply(move |tables| tables.remove_key(id));
    Ok(Changed::Done(()))
}

/// Keys for everything are within the reach of operators only.
pub fn within(reach: Reach, key: &ApiKey) -> bool {
    match key.scope.organization() {
        Some(owner) => reach.covers(owner),
        None => reach == Reach::All,
    }
}
