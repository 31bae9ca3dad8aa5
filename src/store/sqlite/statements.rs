//! The statements of the hot path, prepared once for the writer's connection.

use crate::store::StoreError;
use rusqlite::{Connection, Statement};

/// Prepared statements and the connection they belong to.
pub(super) struct Statements<'c> {
    /// For everything else.
    pub connection: &'c Connection,
    /// Opens a transaction that may write.
    pub begin: Statement<'c>,
    /// Makes it durable.
    pub commit: Statement<'c>,
}

impl<'c> Statements<'c> {
    /// Prepares them.
    ///
    /// # Errors
    /// The schema is not ours.
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            connection,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
        })
    }
}
