//! Changes of the catalogue, and what a new store starts with (W9).

use super::super::step::Step;
use super::super::tables::NameId;
use super::super::tables::rows::audience_code;
use super::audit::{self, Act};
use crate::catalogue;
use crate::store::{Actor, StoreError};
use rusqlite::{Connection, params};
use std::sync::Arc;
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus};

/// Fills an empty catalogue with the contract's types: the compatible set active, extensions inactive. What
/// is there already stays as operators left it.
///
/// # Errors
/// The database failed.
pub fn seed(sql: &Connection) -> Result<(), StoreError> {
    let known: i64 = sql.query_row("SELECT count(*) FROM event_types", [], |row| row.get(0))?;
    if known > 0 {
        return Ok(());
    }
    let entries = catalogue::entries().map_err(|error| StoreError::Internal {
        what: error.to_string(),
    })?;
    let transaction = sql.unchecked_transaction()?;
    for (position, entry) in (0..).zip(&entries) {
        write(&transaction, position, entry)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Creates or replaces one form of a type.
pub fn put(
    step: &mut Step<'_, '_>,
    entry: EventType,
    actor: &Actor,
) -> Result<Arc<EventType>, StoreError> {
    let types = &step.tables.types;
    let before = types.entry(&entry.wire).cloned();
    if let Some(before) = before.as_ref().filter(|before| ***before == entry) {
        return Ok(Arc::clone(before));
    }
    let position = types.position(&entry.wire);
    let id = write(step.connection(), position, &entry)?;
    Act::new("event_type.put", None, entry.wire.to_string())
        .turning(
            before.as_deref().map(audit::event_type),
            Some(audit::event_type(&entry)),
        )
        .record(step, actor)?;
    let entry = Arc::new(entry);
    let seen = Arc::clone(&entry);
    step.apply(move |tables| {
        tables.types.put_name(id, seen.wire.name.clone());
        tables.types.put(id, position, seen);
    });
    Ok(entry)
}

fn write(sql: &Connection, position: i64, entry: &EventType) -> Result<NameId, StoreError> {
    let name = entry.wire.name.as_str();
    sql.prepare_cached("INSERT OR IGNORE INTO event_type_names (name) VALUES (?1)")?
        .execute([name])?;
    let id: i64 = sql
        .prepare_cached("SELECT id FROM event_type_names WHERE name = ?1")?
        .query_row([name], |row| row.get(0))?;
    sql.prepare_cached(
        "INSERT OR REPLACE INTO event_types (name_id, audience, position, label, description, active, compatible,
            enforced, schema, example)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        id,
        audience_code(entry.wire.audience),
        position,
        entry.label,
        entry.description,
        entry.status == TypeStatus::Active,
        entry.compatible,
        entry.schema_use == SchemaUse::Enforced,
        entry.schema.as_deref(),
        entry.example.as_deref(),
    ])?;
    Ok(NameId(id))
}
