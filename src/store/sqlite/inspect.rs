//! A look at a data directory from outside, for `tidings doctor`: is there a database, is it whole, is it in use.
//!
//! Nothing in the database is changed.

use super::{lock, schema};
use crate::store::StoreError;
use crate::store::seal::{self, MasterKey};
use std::path::Path;

/// A whole-file check reads everything; above this many bytes only the header and the schema are looked at.
const WHOLE_CHECK_BYTES: u64 = 1 << 30;

/// What a data directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// No database yet.
    Absent,
    /// A process holds it.
    InUse {
        /// Its number, if it left it.
        pid: Option<u32>,
    },
    /// A database of a format this version knows.
    Sound {
        /// Its format.
        format: u32,
        /// Its size.
        bytes: u64,
    },
}

/// Looks at a data directory.
///
/// # Errors
/// The database is damaged, or cannot be read.
pub fn inspect(directory: &Path) -> Result<Inspection, StoreError> {
    let file = directory.join(schema::FILE);
    let Ok(metadata) = file.metadata() else {
        return Ok(Inspection::Absent);
    };
    let _lock = match lock::take(directory) {
        Ok(lock) => lock,
        Err(StoreError::Locked { pid, .. }) => return Ok(Inspection::InUse { pid }),
        Err(error) => return Err(error),
    };
    schema::check_header(&file)?;
    let bytes = metadata.len();
    look(&file, bytes)
        .map(|format| Inspection::Sound { format, bytes })
        .map_err(|error| error.located(&file))
}

/// Refuses a master key that the data in a directory was not sealed with; any fits where there is none yet. Changes nothing,
/// and may be asked while a server runs.
///
/// # Errors
/// [`StoreError::WrongMasterKey`], or the database cannot be read.
pub fn key_fits(directory: &Path, key: &MasterKey) -> Result<(), StoreError> {
    let file = directory.join(schema::FILE);
    if !file.exists() {
        return Ok(());
    }
    let read =
        || -> Result<Option<Vec<u8>>, StoreError> { schema::canary(&schema::open_reader(&file)?) };
    match read().map_err(|error| error.located(&file))? {
        Some(sealed) => seal::check(key, Some(&sealed), &file).map(drop),
        None => Ok(()),
    }
}

fn look(file: &Path, bytes: u64) -> Result<u32, StoreError> {
    let connection = schema::open_reader(file)?;
    let format = schema::identify(&connection, file)?;
    if bytes <= WHOLE_CHECK_BYTES {
        let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if found != "ok" {
            return Err(StoreError::Damaged {
                path: file.to_owned(),
                what: found,
            });
        }
    }
    Ok(format)
}
