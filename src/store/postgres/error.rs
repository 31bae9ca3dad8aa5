//! The one place where PostgreSQL's errors become the store's. Decisions look at codes, never at texts.

use crate::store::StoreError;
use postgres::Error;
use postgres::error::SqlState;
use std::error::Error as _;
use std::path::PathBuf;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let what = said(&error);
        match error.code() {
            Some(code) => from_code(code, what),
            // No answer at all: the connection broke, or there was none.
            None if is_lost(&error) => Self::Unreachable { what },
            None => Self::Internal { what },
        }
    }
}

fn from_code(code: &SqlState, what: String) -> StoreError {
    match code {
        &SqlState::DISK_FULL => StoreError::Full,
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => StoreError::Damaged {
            path: PathBuf::new(),
            what,
        },
        &SqlState::QUERY_CANCELED
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::LOCK_NOT_AVAILABLE => StoreError::Overloaded,
        &SqlState::ADMIN_SHUTDOWN
        | &SqlState::CRASH_SHUTDOWN
        | &SqlState::CANNOT_CONNECT_NOW
        | &SqlState::TOO_MANY_CONNECTIONS
        | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        // A standby, or a primary that is being replaced.
        | &SqlState::READ_ONLY_SQL_TRANSACTION
        | &SqlState::IO_ERROR
        | &SqlState::INVALID_PASSWORD
        | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        | &SqlState::INVALID_CATALOG_NAME => StoreError::Unreachable { what },
        _ if code.code().starts_with("08") => StoreError::Unreachable { what },
        _ => StoreError::Internal { what },
    }
}

/// Whether the connection is gone, so that nobody knows what became of the last statement.
pub(super) fn is_lost(error: &Error) -> bool {
    let code_of_an_end = error.code().is_some_and(|code| {
        matches!(
            code,
            &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN
                | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        )
    });
    let io = error
        .source()
        .is_some_and(|source| source.is::<std::io::Error>());
    error.is_closed() || io || code_of_an_end
}

/// The error in one line, with its cause: the crate's own text names only the kind.
fn said(error: &Error) -> String {
    let mut text = match error.as_db_error() {
        Some(refusal) => format!("{} ({})", refusal.message(), refusal.code().code()),
        None => error.to_string(),
    };
    if error.as_db_error().is_none()
        && let Some(cause) = error.source()
    {
        text = format!("{text}: {cause}");
    }
    text.replace(['\n', '\r'], " ")
}
