//! Connections that only read, opened when first needed: each read is one transaction on one snapshot.

use super::address::Address;
use super::connection::Connection;
use crate::store::StoreError;
use crate::store::sql::readers::{Reading, Snapshots};
use std::sync::{Mutex, PoisonError};

/// A read is ended after `readers::LONGEST`, by the database itself.
const SESSION: &str = "SET statement_timeout = '2s'; SET lock_timeout = '2s';
    SET idle_in_transaction_session_timeout = '5s'; SET default_transaction_read_only = on";

/// The connections.
pub(super) struct Pool {
    address: Address,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// To a database.
    pub(super) const fn new(address: Address) -> Self {
        Self {
            address,
            idle: Mutex::new(Vec::new()),
        }
    }

    fn take(&self) -> Option<Connection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    /// A connection in a transaction: an idle one, or a new one if there is none that still works.
    fn begun(&self) -> Result<Connection, StoreError> {
        if let Some(idle) = self.take().filter(|connection| !connection.is_closed()) {
            match begin(&idle) {
                // It may have broken long ago, while nothing was asked of it.
                Err(StoreError::Unreachable { .. }) => {}
                begun => return begun.map(|()| idle),
            }
        }
        let fresh = Connection::new(self.address.connect(SESSION)?);
        begin(&fresh)?;
        Ok(fresh)
    }
}

/// Opens the transaction.
fn begin(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?)
}

impl Snapshots for Pool {
    fn read(&self, read: Reading<'_>) -> Result<(), StoreError> {
        let connection = self.begun()?;
        let answer = read(&connection);
        // One that does not end its transaction is not used again.
        if connection.batch("ROLLBACK").is_ok() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        }
        answer
    }

    fn close(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Drop for Pool {
    /// A connection waits when it is closed, which is not allowed everywhere a store may be dropped.
    fn drop(&mut self) {
        let idle = std::mem::take(self.idle.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !idle.is_empty() {
            drop(std::thread::spawn(move || drop(idle)));
        }
    }
}
