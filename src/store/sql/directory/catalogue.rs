//! Changes of the catalogue, and what a new store starts with (W9).

use super::super::step::Step;
use super::super::tables::NameId;
use super::super::tables::rows::audience_code;
use super::audit::{self, Act};
use crate::catalogue;
use crate::store::sql::database::{DirectoryChange, Sql, values};
use crate::store::{Actor, StoreError};
use std::sync::Arc;
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus};

/// Fills an empty catalogue, inside the caller's transaction, with the contract's types: the compatible set active, extensions inactive. What
/// is there already stays as operators left it.
///
/// # Errors
/// The database failed.
pub fn seed(sql: &dyn Sql) -> Result<(), StoreError> {
    if sql.exists("SELECT 1 FROM event_types LIMIT 1", values![])? {
        return Ok(());
    }
    let entries = catalogue::entries().map_err(|error| StoreError::Internal {
        what: error.to_string(),
    })?;
    for (position, entry) in (0..).zip(&entries) {
        write(sql, position, entry)?;
    }
    Ok(())
}

/// Creates or replaces one form of a type.
pub fn put(
    step: &mut Step<'_>,
    entry: EventType,
    actor: &Actor,
) -> Result<Arc<EventType>, StoreError> {
    let types = &step.tables.types;
    let before = types.entry(&entry.wire).cloned();
    if let Some(before) = before.as_ref().filter(|before| ***before == entry) {
        return Ok(Arc::clone(before));
    }
    let position = types.position(&entry.wire);
    let id = write(step.sql(), position, &entry)?;
    Act::new("event_type.put", None, entry.wire.to_string())
        .turning(
            before.as_deref().map(audit::event_type),
            Some(audit::event_type(&entry)),
        )
        .record(step, actor)?;
    let entry = Arc::new(entry);
    let seen = Arc::clone(&entry);
    step.apply(DirectoryChange::Catalogue, move |tables| {
        tables.types.put_name(id, seen.wire.name.clone());
        tables.types.put(id, position, seen);
    });
    Ok(entry)
}

/// Writes one form of a type at a place.
pub fn write(sql: &dyn Sql, position: i64, entry: &EventType) -> Result<NameId, StoreError> {
    let name = entry.wire.name.as_str();
    sql.execute(
        "INSERT INTO event_type_names (name) VALUES (?1) ON CONFLICT (name) DO NOTHING",
        values![name],
    )?;
    let id: i64 = sql.get(
        "SELECT id FROM event_type_names WHERE name = ?1",
        values![name],
    )?;
    sql.execute("INSERT INTO event_types (name_id, audience, position, label, description, active, compatible,
            enforced, schema, example)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (name_id, audience) DO UPDATE SET position = excluded.position, label = excluded.label,
            description = excluded.description, active = excluded.active, compatible = excluded.compatible,
            enforced = excluded.enforced, schema = excluded.schema, example = excluded.example", values![id,
        audience_code(entry.wire.audience),
        position,
        entry.label,
        entry.description,
        entry.status == TypeStatus::Active,
        entry.compatible,
        entry.schema_use == SchemaUse::Enforced,
        entry.schema.as_deref(),
        entry.example.as_deref(),])?;
    Ok(NameId(id))
}
