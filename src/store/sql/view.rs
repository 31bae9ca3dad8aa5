//! Seeing what other nodes changed: the directory in memory is brought up to the directory in the database.
//!
//! Every change of the directory raises its version and leaves a row that says what changed; what the rows name is read
//! again. Whoever begins a transaction learns the version with it, so nothing is decided on an older view than that.
//!
//! The newest 10,000 rows are kept: a node that is alive looks five times a second. One that was away for longer finds that
//! rows are missing, and reads everything.

use super::database::{DirectoryChange, Sql, values};
use super::step::Step;
use super::tables::{self, Shared, Tables};
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use tidings_core::id::{KeyId, OrganizationId};
use tidings_core::time::Timestamp;

/// Changes read again one by one; after more than these everything is read.
const ONE_BY_ONE: usize = 1_000;
/// Rows of changes that are kept.
const KEPT: i64 = 10_000;
/// Rows removed in one step; until there are as many too old, none is.
const REMOVED_AT_ONCE: i64 = 500;

/// The codes of changes in the database, with what they name.
const ORGANIZATION: u8 = 0;
const KEY: u8 = 1;
const CATALOGUE: u8 = 2;

/// A change as it is stored: its code, and whom it names.
pub fn stored(change: DirectoryChange) -> (u8, i64) {
    match change {
        DirectoryChange::Organization(id) => (ORGANIZATION, id.get()),
        DirectoryChange::Key(id) => (KEY, id.raw()),
        DirectoryChange::Catalogue => (CATALOGUE, 0),
    }
}

/// Brings the tables up to `version`, if the database has one and it is newer; answers whether anything was read.
///
/// # Errors
/// The database failed, or a row is damaged; the tables are then as they were or newer.
pub(super) fn catch_up(
    sql: &dyn Sql,
    shared: &Shared,
    version: Option<i64>,
) -> Result<bool, StoreError> {
    let known = shared.read().version;
    let Some(version) = version.filter(|version| *version > known) else {
        return Ok(false);
    };
    let changed = sql.all(
        "SELECT kind, subject, count(*) FROM directory_changes
         WHERE version > ?1 AND version <= ?2 GROUP BY kind, subject ORDER BY kind DESC, subject LIMIT ?3",
        values![known, version, ONE_BY_ONE],
        |row| Ok((row.get::<u8>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?)),
    )?;
    // Every version has its row, until it is removed for its age.
    let rows: i64 = changed.iter().map(|(_, _, rows)| rows).sum();
    if changed.len() == ONE_BY_ONE || rows != version - known {
        let fresh = Tables::load(sql)?;
        shared.write().replace(fresh, version);
        return Ok(true);
    }
    // All is read before anything changes: every request looks into the tables, and must not wait for the database.
    let parts: Result<Vec<_>, _> = changed
        .into_iter()
        .map(
            |(kind, subject, _)| match (kind, OrganizationId::new(subject)) {
                (ORGANIZATION, Some(id)) => tables::read_organization(sql, id),
                (KEY, _) => tables::read_key(sql, KeyId::from_raw(subject)),
                _ => tables::read_catalogue(sql),
            },
        )
        .collect();
    let parts = parts?;
    let mut tables = shared.write();
    // The catalogue came first, so types that were just added are known.
    for part in parts {
        tables.take(part)?;
    }
    tables.version = version;
    Ok(true)
}

/// One step of removing rows that no node needs any more.
pub(super) fn forget(step: &mut Step<'_>, _now: Timestamp) -> Result<Upkeep, StoreError> {
    let before = step.tables.version - KEPT;
    let removed_to = step.memory.chores.changes_removed_to;
    if before < removed_to.saturating_add(REMOVED_AT_ONCE) {
        return Ok(Upkeep::Idle);
    }
    let removed = step.sql().execute(
        "DELETE FROM directory_changes WHERE version IN (
            SELECT version FROM directory_changes WHERE version <= ?1 ORDER BY version LIMIT ?2 /* lock */)",
        values![before, REMOVED_AT_ONCE],
    )?;
    if i64::try_from(removed) == Ok(REMOVED_AT_ONCE) {
        return Ok(Upkeep::More);
    }
    step.memory.chores.changes_removed_to = before;
    Ok(Upkeep::Idle)
}
