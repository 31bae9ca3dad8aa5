//! The database written anew, without what lies in it no more: the file gets smaller, and pieces of removed rows that SQLite
//! left in pages it still uses are gone.
//!
//! Invariants: the data directory is locked; the new file is checked before it takes the old one's place, at once and
//! durably, so a crash leaves one or the other. Needs room for the new file beside the old one.

use super::backup::{BackupError, Copied, Progress, Watch, check, failed};
use super::unfinished::Unfinished;
use super::{lock, schema};
use crate::store::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::Path;

/// Steps of SQLite's between two looks at how far it is: some milliseconds.
const LOOK: i32 = 200_000;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the file before.
    pub before: u64,
    /// The new one.
    pub now: Copied,
}

/// Writes the database in `directory` anew. No server may be running on it. Blocks.
///
/// # Errors
/// See [`BackupError`]; the data is as it was then.
pub fn compact(directory: &Path, watch: Watch<'_>) -> Result<Compacted, BackupError> {
    let file = directory.join(schema::FILE);
    if !file.exists() {
        return Err(BackupError::Absent(file));
    }
    schema::check_header(&file)?;
    let _lock = lock::take(directory)?;
    let unfinished = Unfinished::beside(&file)?;
    write_anew(&file, &unfinished, watch).map_err(|error| failed(error.located(&file), &file))?;
    let now = check(unfinished.path(), watch)?;
    let before = size(&file)?;
    unfinished.replace(&file)?;
    Ok(Compacted { before, now })
}

fn write_anew(file: &Path, unfinished: &Unfinished, watch: Watch<'_>) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags)?;
    schema::identify(&connection, file)?;
    // What the log holds goes into the file, which is alone from here on.
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    let target = unfinished.path().to_owned();
    let of = size(file)?;
    let target_text = target.to_string_lossy().into_owned();
    std::thread::scope(|scope| {
        let (told, tells) = std::sync::mpsc::sync_channel(1);
        let written = target.clone();
        connection.progress_handler(
            LOOK,
            Some(move || {
                let bytes = fs::metadata(&written).map_or(0, |there| there.len());
                let _still_shown = told.try_send(bytes);
                false
            }),
        )?;
        let writing = scope.spawn(move || {
            connection.execute("VACUUM INTO ?1", [target_text])?;
            connection.close().map_err(|(_, error)| error)
        });
        for bytes in tells {
            watch(Progress::Copied { bytes, of });
        }
        match writing.join() {
            Ok(ended) => ended.map_err(StoreError::from),
            Err(_) => Err(StoreError::Internal {
                what: String::from("writing the database anew panicked"),
            }),
        }
    })
}

fn size(file: &Path) -> Result<u64, StoreError> {
    let found = fs::metadata(file).map_err(|error| StoreError::file(file, &error))?;
    Ok(found.len())
}
