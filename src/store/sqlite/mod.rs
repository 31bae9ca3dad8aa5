//! The store's logic on one SQLite file: nothing to install, one process.
//!
//! The writer's connection is `statements`, reads go to `readers`; the log is copied by `checkpointer`. What the
//! directory holds is locked, so that no second process writes to it.

pub mod backup;
mod checkpointer;
pub mod compact;
mod error;
mod inspect;
mod lock;
mod readers;
mod rows;
pub(super) mod schema;
mod statements;
mod unfinished;

pub use inspect::{Inspection, inspect, key_fits};
pub use lock::make_directory;
pub use schema::FILE as DATABASE_FILE;

use super::StoreError;
use super::handover::Handover;
use super::seal::{self, MasterKey};
use super::sql::{Parts, SqlStore};
use crate::clock::Clock;
use checkpointer::Checkpointer;
use rusqlite::Connection;
use statements::Statements;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// What a store is opened with.
#[derive(Debug)]
pub struct Options {
    /// The data directory; made if it is missing.
    pub directory: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// The engine's other end.
    pub handover: Handover,
    /// Seals and opens secrets.
    pub key: MasterKey,
}

/// Opens the store in a directory, making both if they are missing. Blocks on the disk.
///
/// # Errors
/// The directory is in use, or the file damaged, too new, or not to be written.
pub fn open(options: Options) -> Result<Arc<SqlStore>, StoreError> {
    let lock = lock::take(&options.directory)?;
    let file = options.directory.join(schema::FILE);
    let opened = schema::open_writer(&file, &options.key).and_then(|connection| {
        check_key(&connection, &options.key, &file)?;
        let epoch = new_life(&connection, &options.clock)?;
        Ok((connection, epoch))
    });
    let (connection, epoch) = opened.map_err(|error| error.located(&file))?;
    let failed = watch::channel(None).0;
    let checkpointer = Checkpointer::start(&file, failed.clone())?;
    let parts = Parts {
        location: file.clone(),
        clock: options.clock.clone(),
        handover: options.handover,
        key: options.key,
        snapshots: Arc::new(readers::Pool::new(file, options.clock)),
        tenure: None,
        failed,
    };
    let store = SqlStore::open(parts, move |work| {
        work(&Statements::prepare(&connection, checkpointer, epoch)?);
        // The last connection to close copies the rest of the log and removes it.
        let _nothing_left_to_do = connection.close();
        Ok(())
    })?;
    store.keep(Box::new(lock));
    Ok(store)
}

/// What tells whether a master key fits.
const READ_CANARY: &str = "SELECT value FROM meta WHERE key = 'canary'";
const WRITE_CANARY: &str = "INSERT INTO meta (key, value) VALUES ('canary', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// Which data, and after which life of its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Bytes that only this data has.
    pub data: Vec<u8>,
    /// Grows with every start of a server.
    pub life: i64,
}

const READ_IDENTITY: &str =
    "SELECT value, (SELECT coalesce(max(epoch), 0) FROM nodes) FROM meta WHERE key = 'identity'";

/// The data as the source of a migration: locked, and brought to the newest format.
pub(super) struct Source {
    /// To read from.
    pub connection: Connection,
    /// What tells this data from other data, whatever key seals it, and from what it is once a server ran on it.
    pub identity: Identity,
    _lock: lock::DirectoryLock,
}

/// Opens the data in a directory to carry it elsewhere.
///
/// # Errors
/// There is none, it is in use or damaged, or the key does not fit.
pub(super) fn open_source(directory: &Path, key: &MasterKey) -> Result<Source, StoreError> {
    let file = directory.join(schema::FILE);
    if !file.exists() {
        return Err(StoreError::Io {
            what: format!("there is no database {}", file.display()),
        });
    }
    let lock = lock::take(directory)?;
    let opened = schema::open_writer(&file, key).and_then(|connection| {
        check_key(&connection, key, &file)?;
        let identity = connection.query_row(READ_IDENTITY, [], |row| {
            Ok(Identity {
                data: row.get(0)?,
                life: row.get(1)?,
            })
        })?;
        Ok((connection, identity))
    });
    let (connection, identity) = opened.map_err(|error| error.located(&file))?;
    Ok(Source {
        connection,
        identity,
        _lock: lock,
    })
}

/// Refuses a master key that the data was not sealed with.
fn check_key(connection: &Connection, key: &MasterKey, file: &Path) -> Result<(), StoreError> {
    let sealed = schema::canary(connection)?;
    if let Some(canary) = seal::check(key, sealed.as_deref(), file)? {
        connection.execute(WRITE_CANARY, [&*canary])?;
    }
    Ok(())
}

/// Begins a new life of the node.
fn new_life(connection: &Connection, clock: &Clock) -> Result<i64, StoreError> {
    Ok(connection.query_row(
        "INSERT INTO nodes (id, epoch, started_at) VALUES (1, 1, ?1)
         ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1, started_at = excluded.started_at
         RETURNING epoch",
        [clock.now().as_micros()],
        |row| row.get(0),
    )?)
}

#[cfg(test)]
mod tests;
