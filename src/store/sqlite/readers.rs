//! Connections that only read, opened when first needed.
//!
//! A read is ended after its time: it cannot keep the write-ahead log from being reused for long.

use super::schema;
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::sql::readers::{LONGEST, Reading, Snapshots};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Instructions of SQLite's machine between two looks at the clock.
const INSTRUCTIONS: i32 = 20_000;

/// The connections over the database at one place.
#[derive(Debug)]
pub(super) struct Pool {
    file: PathBuf,
    clock: Clock,
    idle: Mutex<Vec<Reader>>,
}

#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// Monotonic microseconds.
    deadline: Arc<AtomicU64>,
}

impl Pool {
    /// Over the database at `file`.
    pub(super) fn new(file: PathBuf, clock: Clock) -> Self {
        Self {
            file,
            clock,
            idle: Mutex::new(Vec::new()),
        }
    }

    fn open(&self) -> Result<Reader, StoreError> {
        let mut connection = schema::open_reader(&self.file)?;
        let deadline = Arc::new(AtomicU64::new(u64::MAX));
        let (watched, clock) = (Arc::clone(&deadline), self.clock.clone());
        connection.progress_handler(
            INSTRUCTIONS,
            Some(move || clock.monotonic().0 > watched.load(Ordering::Relaxed)),
        )?;
        Ok(Reader {
            connection,
            deadline,
        })
    }
}

impl Snapshots for Pool {
    fn read(&self, read: Reading<'_>) -> Result<(), StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let reader = match idle {
            Some(reader) => reader,
            None => self.open()?,
        };
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        let deadline = self.clock.monotonic().0.saturating_add(longest);
        reader.deadline.store(deadline, Ordering::Relaxed);
        let answer = snapshot(&reader.connection, read);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reader);
        answer
    }

    fn close(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn snapshot(connection: &Connection, read: Reading<'_>) -> Result<(), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    read(&*transaction)?;
    transaction.finish()?;
    Ok(())
}
