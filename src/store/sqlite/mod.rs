//! The store in one SQLite file: one writer, a few readers, the directory in memory.
//!
//! Writing goes through `writer`, reading through `readers` or the tables in memory. Every answer is given
//! after the commit that makes it true.

mod aside;
mod checkpointer;
mod directory;
mod due;
mod error;
mod expand;
mod inspect;
mod lock;
mod log;
mod queue;
mod readers;
mod recover;
mod schema;
pub mod seal;
mod statements;
mod step;
pub mod tables;
mod upkeep;
mod writer;

pub use inspect::{Inspection, inspect};
pub use lock::make_directory;
pub use schema::FILE as DATABASE_FILE;

use super::StoreError;
use super::handover::Handover;
use crate::clock::{Clock, RandomBits};
use checkpointer::Checkpointer;
use lock::DirectoryLock;
use queue::Waiting;
use readers::Readers;
use rusqlite::Connection;
use seal::MasterKey;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use step::{Memory, Step};
use tables::{Shared, Tables};
use tidings_core::id::IdSource;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use writer::{Company, Message, Work, Writer};

/// What a store is opened with.
#[derive(Debug)]
pub struct Options {
    /// The data directory; made if it is missing.
    pub directory: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// The engine's other end.
    pub handover: Handover,
    /// Seals and opens secrets.
    pub key: MasterKey,
}

/// The store.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    key: Arc<MasterKey>,
    tables: Arc<Shared>,
    readers: Readers,
    /// `None` only while it is dropped.
    writer: Option<mpsc::Sender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failed: watch::Receiver<Option<StoreError>>,
    /// Test sends whose callers wait for the result.
    waiting: Waiting,
    /// Whether a fan-out may be unfinished.
    expanding: Arc<AtomicBool>,
    _lock: DirectoryLock,
}

impl SqliteStore {
    /// Opens the store in a directory, making both if they are missing. Blocks on the disk.
    ///
    /// # Errors
    /// The directory is in use, or the file damaged, too new, or not to be written.
    pub fn open(options: Options) -> Result<Arc<Self>, StoreError> {
        let lock = lock::take(&options.directory)?;
        let file = options.directory.join(schema::FILE);
        let opened = schema::open_writer(&file).and_then(|connection| {
            seal::check(&connection, &options.key, &file)?;
            directory::seed(&connection)?;
            Ok((start(&connection, &options.clock)?, connection))
        });
        let (started, connection) = opened.map_err(|error| error.located(&file))?;
        let (sender, queue) = mpsc::channel(writer::QUEUE);
        let (announce, failed) = watch::channel(None);
        let tables = Arc::new(Shared::new(started.tables));
        let expanding = Arc::clone(&started.memory.expanding);
        let broken = announce.clone();
        let writer = Writer {
            queue,
            file: file.clone(),
            clock: options.clock.clone(),
            random: RandomBits::seeded().map_err(|error| StoreError::Internal {
                what: error.to_string(),
            })?,
            ids: started.ids,
            tables: Arc::clone(&tables),
            memory: started.memory,
            handover: options.handover,
            callers: Handle::try_current().ok(),
            checkpointer: Checkpointer::start(&file, announce.clone())?,
            failed: announce,
        };
        let thread = std::thread::Builder::new()
            .name(String::from("store-writer"))
            .spawn(move || {
                if catch_unwind(AssertUnwindSafe(|| writer.run(connection))).is_err() {
                    broken.send_replace(Some(StoreError::Internal {
                        what: String::from("the writer panicked"),
                    }));
                }
            })
            .map_err(|error| StoreError::file(&file, &error))?;
        Ok(Arc::new(Self {
            key: Arc::new(options.key),
            tables,
            readers: Readers::new(file.clone(), options.clock),
            file,
            writer: Some(sender),
            thread: Mutex::new(Some(thread)),
            failed,
            waiting: Waiting::default(),
            expanding,
            _lock: lock,
        }))
    }

    /// Waits for the failure after which nothing is written any more; the process is to end then. A store that
    /// was closed never fails.
    pub async fn failed(&self) -> StoreError {
        let mut failed = self.failed.clone();
        let answer = match failed.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone(),
            Err(_) => None,
        };
        match answer {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Runs a change in a transaction of its own. Its error undoes it; on success what it asked for with
    /// [`Step::apply`] is seen in memory before this answers.
    async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_, '_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(Company::Lone, work).await
    }

    /// Runs work together with whatever else is queued. Its error is the whole group's: it must not fail for
    /// what a caller can send.
    async fn share<T, F>(&self, size: usize, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_, '_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(Company::Shared(size), work).await
    }

    async fn submit<T, F>(&self, company: Company, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_, '_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (task, answered) = writer::task(work);
        self.queue(company, task).await;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Queues work, or answers it with why not.
    async fn queue(&self, company: Company, work: Box<dyn Work>) {
        match &self.writer {
            Some(queue) => writer::send(queue, company, work).await,
            None => work.answer(Err(&StoreError::Closed)),
        }
    }

    /// Reads from a snapshot of what is committed, beside the writer and for two seconds at most.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(read).await
    }

    async fn shut(&self) {
        self.readers.close().await;
        let (closed, wait) = oneshot::channel();
        if let Some(queue) = &self.writer
            && queue.send(Message::Close(closed)).await.is_ok()
        {
            let _thread_gone = wait.await;
        }
        self.waiting.give_up();
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        drop(self.writer.take());
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _panicked = thread.join();
        }
    }
}

struct Started {
    tables: Tables,
    memory: Memory,
    ids: IdSource,
}

/// Reads what is kept in memory and begins a new life of the node.
fn start(connection: &Connection, clock: &Clock) -> Result<Started, StoreError> {
    let epoch = connection.query_row(
        "INSERT INTO nodes (id, epoch, started_at) VALUES (1, 1, ?1)
         ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1, started_at = excluded.started_at
         RETURNING epoch",
        [clock.now().as_micros()],
        |row| row.get(0),
    )?;
    let last = connection.query_row(
        "SELECT max(coalesce((SELECT max(id) FROM events), 0), coalesce((SELECT max(id) FROM endpoints), 0),
                    coalesce((SELECT max(id) FROM api_keys), 0), coalesce((SELECT max(id) FROM audit), 0),
                    coalesce((SELECT max(id) FROM replays), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(Started {
        tables: Tables::load(connection)?,
        memory: Memory::load(connection, epoch)?,
        ids: IdSource::above(last),
    })
}

#[cfg(test)]
mod tests;
