//! Copying the write-ahead log into the database file, on a thread and a connection of its own.
//!
//! A checkpoint ends with a sync of the database file, and commits must not wait for that. So most of each log is
//! copied here while the writer goes on. Beside constant writing this never reaches the end of the log; the writer's
//! own checkpoint does, at [`LOG_PAGES`], when only the last few commits are left to copy, and the log starts over.
//!
//! After something was erased the whole log is emptied, which takes the writer's lock for a moment and a moment without
//! readers: tried until it works, a second apart, never waiting for either.
//!
//! A full disk or a busy log is harmless: the log keeps what was not copied, and a later call copies it. A failed write
//! or sync is final as it is for the writer: the system may have dropped what it could not write, and a second sync
//! could succeed without it. The connection never writes anything else.

use super::schema;
use crate::store::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Pages of a log after which the writer checkpoints by itself: 64 MB.
pub(super) const LOG_PAGES: u32 = 4_000;
/// Commits between two calls: some hundred pages of log.
const COMMITS: u32 = 48;
/// Between two tries to empty the log.
const AGAIN: Duration = Duration::from_secs(1);

/// Handle on the thread; it ends when this is dropped.
pub(super) struct Checkpointer {
    calls: Option<SyncSender<()>>,
    commits: u32,
    /// A commit from now on leaves the log to be emptied.
    emptying: bool,
    /// The log is to be emptied.
    empty: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on the database at `path`, which exists; `failed` is told what is final.
    ///
    /// # Errors
    /// The file cannot be opened, or the system gives no thread.
    pub(super) fn start(
        path: &Path,
        failed: watch::Sender<Option<StoreError>>,
    ) -> Result<Self, StoreError> {
        let connection = schema::open_checkpointer(path)?;
        let (calls, called) = sync_channel(1);
        let empty = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&empty);
        let file = path.to_owned();
        let thread = std::thread::Builder::new()
            .name(String::from("store-checkpoint"))
            .spawn(move || {
                while next(&called, &asked) {
                    let done = match asked.load(Ordering::Acquire) {
                        true => empty_log(&connection, &asked),
                        false => copy(&connection),
                    };
                    if let Err(error) = done {
                        report(&error.located(&file), &failed);
                    }
                }
            })
            .map_err(|error| StoreError::file(path, &error))?;
        Ok(Self {
            calls: Some(calls),
            commits: 0,
            emptying: false,
            empty,
            thread: Some(thread),
        })
    }

    /// Counts a commit, and calls for a checkpoint now and then.
    pub(super) fn committed(&mut self) {
        self.commits += 1;
        let emptying = std::mem::take(&mut self.emptying);
        if emptying {
            self.empty.store(true, Ordering::Release);
        }
        if (emptying || self.commits >= COMMITS)
            && let Some(calls) = &self.calls
        {
            self.commits = 0;
            // Still at the last one: then the next call will do.
            let _busy = calls.try_send(());
        }
    }
}

impl Checkpointer {
    /// Has the log emptied after the commit that comes.
    pub(super) const fn empty_soon(&mut self) {
        self.emptying = true;
    }
}

/// Waits for the next call, or a while when the log is to be emptied; answers whether there is a writer still.
fn next(called: &Receiver<()>, asked: &AtomicBool) -> bool {
    if !asked.load(Ordering::Acquire) {
        return called.recv().is_ok();
    }
    !matches!(
        called.recv_timeout(AGAIN),
        Err(RecvTimeoutError::Disconnected)
    )
}

/// Copies the log, then empties it if nobody reads or writes just now.
fn empty_log(connection: &Connection, asked: &AtomicBool) -> Result<(), StoreError> {
    copy(connection)?;
    let busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if !busy {
        asked.store(false, Ordering::Release);
    }
    Ok(())
}

fn copy(connection: &Connection) -> Result<(), StoreError> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(())
}

fn report(error: &StoreError, failed: &watch::Sender<Option<StoreError>>) {
    if !error.is_final() {
        tracing::debug!(%error, "the log was not copied; it will be");
        return;
    }
    tracing::error!(%error, "copying the log failed; the store stops writing");
    failed.send_if_modified(|known| known.is_none() && known.replace(error.clone()).is_none());
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.calls.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r3_a_failed_sync_is_final_and_a_full_disk_is_not() {
        let (failed, _) = watch::channel(None);
        let io = || StoreError::Io {
            what: String::from("the first"),
        };
        for (error, told) in [
            (StoreError::Full, None),
            (StoreError::Overloaded, None),
            (io(), Some(io())),
            (
                StoreError::Io {
                    what: String::from("a later one"),
                },
                Some(io()),
            ),
        ] {
            report(&error, &failed);
            assert_eq!(
                failed.borrow().as_ref().map(ToString::to_string),
                told.as_ref().map(ToString::to_string),
                "{error}"
            );
        }
    }
}
