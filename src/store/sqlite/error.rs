//! The one place where SQLite's errors become the store's.
//!
//! Decisions look at result codes, never at texts. Conversions do not know which file they speak of; the
//! writer and the readers add it with [`StoreError::located`] before an answer leaves.

use crate::store::StoreError;
use rusqlite::{Error, ErrorCode, ffi};
use std::io;
use std::path::{Path, PathBuf};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let what = error.to_string();
        match &error {
            Error::SqliteFailure(failure, _) => from_code(*failure, what),
            // A stored value that its type does not hold is damage: the schema's checks let nothing else in.
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Damaged {
                path: PathBuf::new(),
                what,
            },
            _ => Self::Internal { what },
        }
    }
}

fn from_code(failure: ffi::Error, what: String) -> StoreError {
    match (failure.code, failure.extended_code) {
        // Growing the shared index of the log is the one full disk that SQLite reports as an I/O error.
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => StoreError::Damaged {
            path: PathBuf::new(),
            what,
        },
        (ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly, _) => {
            StoreError::Io { what }
        }
        (
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted,
            _,
        ) => StoreError::Overloaded,
        _ => StoreError::Internal { what },
    }
}

impl StoreError {
    /// The file system's refusal of something done to `path`.
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io {
                what: format!("{}: {error}", path.display()),
            },
        }
    }
}
