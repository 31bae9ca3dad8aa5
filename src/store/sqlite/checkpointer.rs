//! Copying the write-ahead log into the database file, on a thread and a connection of its own.
//!
//! A checkpoint ends with a sync of the database file, and commits must not wait for that. So most of each log is
//! copied here while the writer goes on. Beside constant writing this never reaches the end of the log; the writer's
//! own checkpoint does, at [`LOG_PAGES`], when only the last few commits are left to copy, and the log starts over.
//!
//! Whatever fails here is tried again by the writer or at the next call, and is harmless until then: the log keeps
//! what was not copied. The connection never writes anything else.

use super::schema;
use crate::store::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Pages of a log after which the writer checkpoints by itself: 64 MB.
pub(super) const LOG_PAGES: u32 = 4_000;
/// Commits between two calls: some hundred pages of log.
const COMMITS: u32 = 48;

/// Handle on the thread; it ends when this is dropped.
pub(super) struct Checkpointer {
    calls: Option<SyncSender<()>>,
    commits: u32,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on the database at `path`, which exists.
    ///
    /// # Errors
    /// The file cannot be opened, or the system gives no thread.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_checkpointer(path)?;
        let (calls, called) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(String::from("store-checkpoint"))
            .spawn(move || run(&connection, &called))
            .map_err(|error| StoreError::file(path, &error))?;
        Ok(Self {
            calls: Some(calls),
            commits: 0,
            thread: Some(thread),
        })
    }

    /// Counts a commit, and calls for a checkpoint now and then.
    pub(super) fn committed(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS
            && let Some(calls) = &self.calls
        {
            self.commits = 0;
            // Still at the last one: then the next call will do.
            let _busy = calls.try_send(());
        }
    }
}

fn run(connection: &Connection, called: &Receiver<()>) {
    while called.recv().is_ok() {
        let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = copied {
            tracing::debug!(%error, "the log was not copied; it will be");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.calls.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
