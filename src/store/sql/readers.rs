//! Reading beside the writer: a few connections that only read, opened when first needed.
//!
//! Every read sees one snapshot, runs on a blocking thread, and is ended after two seconds: a list cannot hurt delivery.

use super::database::Sql;
use crate::store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Reads at once.
pub const CONNECTIONS: usize = 3;
/// The longest a read may run, and the longest it waits for its turn.
pub const LONGEST: Duration = Duration::from_secs(2);

/// A read, as a connection runs it.
pub type Reading<'a> = &'a mut dyn FnMut(&dyn Sql) -> Result<(), StoreError>;

/// Where connections that only read come from.
pub trait Snapshots: Send + Sync {
    /// Runs `read` on a snapshot of what is committed, for [`LONGEST`] at most. Blocks.
    ///
    /// # Errors
    /// The database failed, or `read` did; [`StoreError::Overloaded`] when it took too long.
    fn read(&self, read: Reading<'_>) -> Result<(), StoreError>;

    /// Closes what is open. No read is under way, and none comes after.
    fn close(&self);
}

/// Turns at them.
#[derive(Clone)]
pub(super) struct Readers {
    source: Arc<dyn Snapshots>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// Over a source.
    pub(super) fn new(source: Arc<dyn Snapshots>) -> Self {
        Self {
            source,
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Runs `read` on a snapshot of what is committed.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when no connection was free or it took too long.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = tokio::time::timeout(LONGEST, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| StoreError::Overloaded)?
            .map_err(|_| StoreError::Closed)?;
        let source = Arc::clone(&self.source);
        let done = tokio::task::spawn_blocking(move || {
            let (mut read, mut answer) = (Some(read), None);
            let outcome = source.read(&mut |sql| {
                if let Some(read) = read.take() {
                    answer = Some(read(sql)?);
                }
                Ok(())
            });
            drop(turn);
            outcome.and(answer.ok_or(StoreError::Closed))
        });
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Refuses new reads, waits for running ones, and closes the connections.
    pub(super) async fn close(&self) {
        let all = self.turns.acquire_many(CONNECTIONS as u32).await;
        self.turns.close();
        drop(all);
        // Closing may wait for the other side.
        let source = Arc::clone(&self.source);
        let _panicked = tokio::task::spawn_blocking(move || source.close()).await;
    }
}
