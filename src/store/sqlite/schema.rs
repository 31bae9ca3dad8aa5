//! Opening the database file: is it ours and whole, how it is set up, and which format it has.
//!
//! The layout's rules and their reasons: docs/decisions/0001-storage.md. A file of a newer format is refused
//! untouched, and so is one that another master key has sealed; an older one is brought forward, one transaction per step.

use super::READ_CANARY;
use super::checkpointer::LOG_PAGES;
use super::lock::sync_directory;
use crate::store::seal::{self, MasterKey};
use crate::store::{StoreError, headers};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The database's name in the data directory.
pub const FILE: &str = "tidings.db";
/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// `TDNG`: tells our files from other databases.
const APPLICATION_ID: i32 = 0x5444_4E47;
/// Older ones can corrupt a write-ahead log.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Every format there was: the steps from nothing to now.
pub(in crate::store) const MIGRATIONS: [&str; 12] = [
    include_str!("../../../migrations/sqlite/0001_first.sql"),
    include_str!("../../../migrations/sqlite/0002_unusual.sql"),
    include_str!("../../../migrations/sqlite/0003_stats.sql"),
    include_str!("../../../migrations/sqlite/0004_accounts.sql"),
    include_str!("../../../migrations/sqlite/0005_audit.sql"),
    include_str!("../../../migrations/sqlite/0006_keeping.sql"),
    include_str!("../../../migrations/sqlite/0007_notices.sql"),
    include_str!("../../../migrations/sqlite/0008_former_grants.sql"),
    include_str!("../../../migrations/sqlite/0009_audit_parts.sql"),
    include_str!("../../../migrations/sqlite/0010_sealed_headers.sql"),
    include_str!("../../../migrations/sqlite/0011_second_factors.sql"),
    include_str!("../../../migrations/sqlite/0012_links_and_keys.sql"),
];
/// The first format whose custom headers are sealed: the step to it seals what was not.
pub(super) const SEALED_HEADERS: u32 = 10;
/// Rows that are sealed at once.
const SEALED_AT_ONCE: i64 = 1_000;
/// How long another program's write lock is waited for, such as that of the `sqlite3` shell.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the file for writing, making it if it is missing, and brings it to the newest format, with the key that its data was
/// sealed with.
///
/// # Errors
/// [`StoreError::Damaged`], [`StoreError::TooNew`], [`StoreError::WrongMasterKey`], or the file system's refusal.
pub(super) fn open_writer(path: &Path, key: &MasterKey) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::Internal {
            what: format!("SQLite {} is too old", rusqlite::version()),
        });
    }
    check_header(path)?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    let found = identify(&connection, path)?;
    // Page size and vacuum mode are chosen here for good: they only work on an empty file. What is removed is written over
    // with zeros: an erased body must not lie in a free page.
    connection.execute_batch(&format!(
        "PRAGMA page_size = 16384;
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA wal_autocheckpoint = {LOG_PAGES};
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -12288;
         PRAGMA temp_store = MEMORY;",
    ))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Whatever a step seals must open with what the rest is sealed with.
    if found > 0
        && let Some(sealed) = canary(&connection)?
    {
        seal::check(key, Some(&sealed), path)?;
    }
    migrate(&connection, found, key)?;
    if let Some(directory) = path.parent() {
        sync_directory(directory)?;
    }
    Ok(connection)
}

/// Opens the file for copying the log into it, and for nothing else.
///
/// # Errors
/// The database's refusal.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -64;",
    )?;
    Ok(connection)
}

/// Opens the file for reading only.
///
/// # Errors
/// The database's refusal.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch("PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Refuses a file that is no database before SQLite touches it; makes an empty one for the owner only.
pub(super) fn check_header(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::file(path, &error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    match starts_as_ours(&mut file).map_err(failed)? {
        Some(true) | None => Ok(()),
        Some(false) => Err(no_database(path)),
    }
}

/// Refuses a file that is no database before SQLite touches it; makes nothing.
pub(super) fn check_file(path: &Path) -> Result<(), StoreError> {
    let started = File::open(path).and_then(|mut file| starts_as_ours(&mut file));
    match started.map_err(|error| StoreError::file(path, &error))? {
        Some(true) => Ok(()),
        Some(false) | None => Err(no_database(path)),
    }
}

/// Whether a file begins as a database does; `None` of an empty one.
fn starts_as_ours(file: &mut File) -> std::io::Result<Option<bool>> {
    let mut start = Vec::with_capacity(MAGIC.len());
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok((!start.is_empty()).then(|| start == MAGIC))
}

fn no_database(path: &Path) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        what: String::from("its first bytes are not those of a database"),
    }
}

/// The format of a database of ours; 0 for a new one. Writes nothing.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            what: String::from("it is the database of another program"),
        });
    }
    let known = MIGRATIONS.len() as u32;
    if found > known {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found,
            known,
            written_by: written_by(connection)?,
        });
    }
    Ok(found)
}

fn migrate(connection: &Connection, found: u32, key: &MasterKey) -> Result<(), StoreError> {
    let mut sealed = 0;
    for (step, sql) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(sql)?;
        if step == SEALED_HEADERS {
            sealed = seal_headers(&transaction, key)?;
        }
        transaction.pragma_update(None, "user_version", step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('written_by', ?1)",
            [env!("CARGO_PKG_VERSION")],
        )?;
        transaction.commit()?;
    }
    if sealed > 0 {
        // The log still holds them as they were.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        tracing::info!(
            endpoints = sealed,
            "custom headers are sealed from now on; `tidings compact` clears the file of what is left of them in clear"
        );
    }
    Ok(())
}

/// Seals the custom headers that stand in clear; answers of how many endpoints.
fn seal_headers(connection: &Connection, key: &MasterKey) -> Result<usize, StoreError> {
    let mut clear = connection.prepare(
        "SELECT id, organization_id, version, header_names FROM endpoints
         WHERE header_names <> '[]' AND id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut seal = connection
        .prepare("UPDATE endpoints SET header_names = ?2, sealed_headers = ?3 WHERE id = ?1")?;
    let (mut last, mut sealed) = (i64::MIN, 0);
    loop {
        let rows = clear.query_map([last, SEALED_AT_ONCE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let rows = rows.collect::<Result<Vec<(i64, i64, u32, String)>, _>>()?;
        let Some((newest, ..)) = rows.last() else {
            return Ok(sealed);
        };
        last = *newest;
        for (id, organization, version, text) in &rows {
            let of = headers::Of::stored(*organization, *id, *version)?;
            let now = headers::sealed_of_clear(key, of, text)?;
            seal.execute(rusqlite::params![id, now.names, now.sealed])?;
        }
        sealed += rows.len();
    }
}

/// What tells whether a master key fits, if it is there.
pub(super) fn canary(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    let found = connection.query_row(READ_CANARY, [], |row| row.get(0));
    Ok(found.optional()?)
}

/// The version that brought the data to its format.
pub(super) fn written_by(connection: &Connection) -> Result<String, StoreError> {
    let mut statement = connection.prepare("SELECT value FROM meta WHERE key = 'written_by'")?;
    let mut rows = statement.query([])?;
    Ok(match rows.next()? {
        Some(row) => row.get(0)?,
        None => String::from("an unknown version"),
    })
}
