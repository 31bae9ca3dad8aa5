//! Reading beside the writer: a few read-only connections, opened when first needed.
//!
//! Every read sees one snapshot, runs on a blocking thread, and is ended after two seconds: a list cannot hurt
//! delivery, and cannot keep the write-ahead log from being reused for long.

use super::schema;
use crate::clock::Clock;
use crate::store::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections at most.
const CONNECTIONS: usize = 3;
/// The longest a read may run, and the longest it waits for its turn.
const LONGEST: Duration = Duration::from_secs(2);
/// Instructions of SQLite's machine between two looks at the clock.
const INSTRUCTIONS: i32 = 20_000;

/// The pool.
#[derive(Debug, Clone)]
pub(super) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    file: PathBuf,
    clock: Clock,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Reader>>,
}

#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// Monotonic microseconds.
    deadline: Arc<AtomicU64>,
}

impl Readers {
    /// A pool over the database at `file`.
    pub(super) fn new(file: PathBuf, clock: Clock) -> Self {
        Self(Arc::new(Pool {
            file,
            clock,
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::new(Vec::new()),
        }))
    }

    /// Runs `read` on a snapshot of what is committed.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when no connection was free or it took too long.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = tokio::time::timeout(LONGEST, Arc::clone(&self.0.turns).acquire_owned())
            .await
            .map_err(|_| StoreError::Overloaded)?
            .map_err(|_| StoreError::Closed)?;
        let pool = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let answer = pool.read(read);
            drop(turn);
            answer
        });
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The clock that ends reads.
    #[cfg(test)]
    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Refuses new reads, waits for running ones, and closes the connections.
    pub(super) async fn close(&self) {
        let all = self.0.turns.acquire_many(CONNECTIONS as u32).await;
        self.0.turns.close();
        drop(all);
        self.0
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Pool {
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
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
        let answer = snapshot(&reader.connection, read).map_err(|error| error.located(&self.file));
        if self.turns.is_closed() {
            return answer;
        }
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reader);
        answer
    }

    fn open(&self) -> Result<Reader, StoreError> {
        let mut connection =
            schema::open_reader(&self.file).map_err(|error| error.located(&self.file))?;
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

fn snapshot<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let answer = read(&transaction)?;
    transaction.finish()?;
    Ok(answer)
}
