//! The store on an SQL database: the logic, said once for every database it runs on.
//!
//! One writer on a thread of its own (`writer`), a few readers ([`readers`]), the directory in memory ([`tables`]). What it
//! asks of a database is in [`database`]; `super::sqlite` and `super::postgres` answer it and open this. Every answer is
//! given after the commit that makes it true.

mod accounts;
mod aside;
pub mod audit;
pub mod database;
mod directory;
mod due;
mod erase;
mod expand;
mod health;
mod log;
mod notices;
mod purge;
mod queue;
pub mod readers;
mod recover;
pub(in crate::store) mod rest;
mod sealing;
mod stats;
mod step;
pub mod tables;
mod upkeep;
mod values;
pub mod view;
mod whole;
mod writer;

pub use directory::seed;
pub use queue::ABANDONED;
pub use whole::Contents;

use super::StoreError;
use super::handover::Handover;
use super::queue::Upkeep;
use super::retention::Retention;
use super::seal::MasterKey;
use crate::clock::{Clock, RandomBits};
use database::{Database, Purpose, Sql};
use queue::Waiting;
use readers::{Readers, Snapshots};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use step::{Memory, Step};
use tables::{Shared, Tables};
use tidings_core::id::{EventId, IdSource, Stripe};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use upkeep::WallClock;
use writer::{Company, Message, Work, Writer};

/// What a store on a database is made of.
pub struct Parts {
    /// The database in messages: a file, or an address without what is secret in it.
    pub location: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// The engine's other end.
    pub handover: Handover,
    /// Seals and opens secrets.
    pub key: MasterKey,
    /// Where reads go.
    pub snapshots: Arc<dyn Snapshots>,
    /// Whether claims may be acted on; `None` where no other node can take them.
    pub tenure: Option<Arc<dyn Tenure>>,
    /// Told, and tells, of the failure after which nothing is written any more.
    pub failed: watch::Sender<Option<StoreError>>,
}

/// Whether this node may act on what it holds.
pub trait Tenure: Send + Sync {
    /// Whether what was claimed in the node's life `epoch` is still its own, and its view of the directory is fresh.
    fn holds(&self, epoch: i64) -> bool;
}

/// The store.
pub struct SqlStore {
    file: PathBuf,
    key: RwLock<Arc<MasterKey>>,
    tables: Arc<Shared>,
    readers: Readers,
    clock: Clock,
    /// `None` only while it is dropped.
    writer: Option<mpsc::Sender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failed: watch::Receiver<Option<StoreError>>,
    /// What became of attempts, counted.
    tally: stats::Tally,
    /// When keys were last used.
    uses: directory::uses::Uses,
    /// Test sends whose callers wait for the result.
    waiting: Waiting,
    /// Whether a fan-out may be unfinished.
    expanding: Arc<AtomicBool>,
    /// Events of which nothing is started.
    withheld: Arc<erase::Withheld>,
    tenure: Option<Arc<dyn Tenure>>,
    /// How long events are kept; for good without one.
    retention: OnceLock<Retention>,
    /// What is held as long as the store is.
    kept: OnceLock<Box<dyn Send + Sync>>,
}

impl std::fmt::Debug for SqlStore {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SqlStore({})", self.file.display())
    }
}

/// What the writer's thread opened, told to whoever opens the store.
struct Opened {
    tables: Arc<Shared>,
    expanding: Arc<AtomicBool>,
    withheld: Arc<erase::Withheld>,
    tally: stats::Tally,
    uses: directory::uses::Uses,
    factors: Vec<accounts::Sealed>,
}

impl SqlStore {
    /// Starts the writer's thread, opens the database there with `connect`, and reads what is kept in memory. Blocks.
    /// `connect` calls what it is given with the open database, and closes it afterwards.
    ///
    /// # Errors
    /// The database cannot be opened or read.
    pub fn open<C>(parts: Parts, connect: C) -> Result<Arc<Self>, StoreError>
    where
        C: FnOnce(&mut dyn FnMut(&dyn Database)) -> Result<(), StoreError> + Send + 'static,
    {
        let (sender, queue) = mpsc::channel(writer::QUEUE);
        let failed = parts.failed.subscribe();
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        let task = Thread {
            queue,
            file: parts.location.clone(),
            clock: parts.clock.clone(),
            handover: parts.handover,
            callers: Handle::try_current().ok(),
            failed: parts.failed,
            ready,
        };
        let thread = std::thread::Builder::new()
            .name(String::from("store-writer"))
            .spawn(move || task.run(connect))
            .map_err(|error| StoreError::Internal {
                what: format!("no thread for the writer: {error}"),
            })?;
        let opened: Opened = match opened.recv() {
            Ok(opened) => opened.map_err(|error: StoreError| error.located(&parts.location))?,
            Err(_) => return Err(StoreError::Closed),
        };
        let store = Arc::new(Self {
            key: RwLock::new(Arc::new(parts.key)),
            tables: opened.tables,
            readers: Readers::new(parts.snapshots),
            file: parts.location,
            clock: parts.clock,
            writer: Some(sender),
            thread: Mutex::new(Some(thread)),
            failed,
            waiting: Waiting::default(),
            expanding: opened.expanding,
            withheld: opened.withheld,
            tally: opened.tally,
            uses: opened.uses,
            tenure: parts.tenure,
            retention: OnceLock::new(),
            kept: OnceLock::new(),
        });
        store.opens_everything(&store.master_key(), &opened.factors)?;
        Ok(store)
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

    /// The database: a file, or an address without what is secret in it.
    pub fn location(&self) -> &Path {
        &self.file
    }

    /// Holds something as long as the store is there; once.
    pub fn keep(&self, what: Box<dyn Send + Sync>) {
        let _second = self.kept.set(what);
    }

    /// Says how long events are kept; once. Without it they are kept for good.
    pub fn keep_events(&self, retention: Retention) {
        let _second = self.retention.set(retention);
    }

    /// The version of the directory that this node sees.
    pub fn version(&self) -> i64 {
        self.tables.read().version
    }

    /// Looks at what other nodes left: changes of the directory, rows that are due, what dead nodes held. Answers how many
    /// of those were taken back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn look_around(&self) -> Result<usize, StoreError> {
        self.alone(upkeep::look_around).await
    }

    /// Runs a change of the directory in a transaction of its own. Its error undoes it; on success what it asked for with
    /// [`Step::apply`] is seen in memory before this answers.
    pub(in crate::store) async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(Company::Lone(Purpose::Directory), work).await
    }

    /// Runs work that changes nothing of the directory in a transaction of its own.
    pub(in crate::store) async fn alone<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(Company::Lone(Purpose::Work), work).await
    }

    /// Runs work together with whatever else is queued. Its error is the whole group's: it must not fail for
    /// what a caller can send.
    pub(in crate::store) async fn share<T, F>(&self, size: usize, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(Company::Shared(size), work).await
    }

    async fn submit<T, F>(&self, company: Company, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
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
    pub(in crate::store) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.readers.read(read).await;
        answer.map_err(|error| error.located(&self.file))
    }

    async fn shut(&self) {
        while matches!(self.alone(stats::write_out).await, Ok(Upkeep::More)) {}
        let write_uses = |step: &mut Step<'_>| directory::uses::step(step, step.now);
        while matches!(self.alone(write_uses).await, Ok(Upkeep::More)) {}
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

impl Drop for SqlStore {
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

/// What the writer's thread begins with.
struct Thread {
    queue: mpsc::Receiver<Message>,
    file: PathBuf,
    clock: Clock,
    handover: Handover,
    callers: Option<Handle>,
    failed: watch::Sender<Option<StoreError>>,
    ready: std::sync::mpsc::SyncSender<Result<Opened, StoreError>>,
}

impl Thread {
    /// Opens the database, works until the store is closed, and closes the database before that is answered.
    fn run<C>(self, connect: C)
    where
        C: FnOnce(&mut dyn FnMut(&dyn Database)) -> Result<(), StoreError>,
    {
        let (broken, refused) = (self.failed.clone(), self.ready.clone());
        let (mut task, mut closed) = (Some(self), None);
        let worked = catch_unwind(AssertUnwindSafe(|| {
            connect(&mut |database| {
                if let Some(writer) = task.take().and_then(|task| task.start(database)) {
                    closed = writer.run(database);
                }
            })
        }));
        match worked {
            Ok(Ok(())) => {}
            // Whoever opens the store is waiting for this, unless the writer had started.
            Ok(Err(error)) => drop(refused.try_send(Err(error))),
            Err(_) => drop(broken.send_replace(Some(StoreError::Internal {
                what: String::from("the writer panicked"),
            }))),
        }
        if let Some(closed) = closed {
            let _caller_gone = closed.send(());
        }
    }

    /// Reads what is kept in memory; `None` when that failed and was told.
    fn start(self, database: &dyn Database) -> Option<Writer> {
        match load(database, &self.clock) {
            Ok(loaded) => {
                let (memory, tables) = (loaded.memory, Arc::new(Shared::new(loaded.tables)));
                let opened = Opened {
                    factors: loaded.factors,
                    tables: Arc::clone(&tables),
                    expanding: Arc::clone(&memory.expanding),
                    withheld: Arc::clone(&memory.withheld),
                    tally: memory.tally.clone(),
                    uses: memory.uses.clone(),
                };
                let _opener_gone = self.ready.send(Ok(opened));
                Some(Writer {
                    queue: self.queue,
                    file: self.file,
                    clock: self.clock,
                    random: loaded.random,
                    ids: loaded.ids,
                    tables,
                    memory,
                    handover: self.handover,
                    callers: self.callers,
                    failed: self.failed,
                })
            }
            Err(error) => {
                let _opener_gone = self.ready.send(Err(error));
                None
            }
        }
    }
}

/// What the writer and its store start with.
struct Loaded {
    tables: Tables,
    memory: Memory,
    ids: IdSource,
    random: RandomBits,
    factors: Vec<accounts::Sealed>,
}

/// Reads what is kept in memory, and what is sealed beside it.
fn load(database: &dyn Database, clock: &Clock) -> Result<Loaded, StoreError> {
    let begun = database.begin(Purpose::Directory, clock.now())?;
    let sql = database.sql();
    directory::seed(sql)?;
    let last = sql.get(
        "SELECT max(id) FROM (
            SELECT coalesce(max(id), 0) AS id FROM events UNION ALL SELECT coalesce(max(id), 0) FROM endpoints
            UNION ALL SELECT coalesce(max(id), 0) FROM api_keys UNION ALL SELECT coalesce(max(id), 0) FROM audit
            UNION ALL SELECT coalesce(max(id), 0) FROM replays UNION ALL SELECT coalesce(max(id), 0) FROM accounts
            UNION ALL SELECT coalesce(max(id), 0) FROM links UNION ALL SELECT coalesce(max(id), 0) FROM sessions
            UNION ALL SELECT coalesce(max(id), 0) FROM trouble_notes
            UNION ALL SELECT coalesce(max(id), 0) FROM notice_mails) AS newest",
        database::values![],
    )?;
    let mut tables = Tables::load(sql)?;
    tables.version = begun.version.unwrap_or_default();
    let newest = (last > 0).then(|| EventId::from_raw(last).time());
    let wall_clock = WallClock::load(sql, newest, clock)?;
    let memory = Memory::load(database, begun.epoch, wall_clock)?;
    let factors = accounts::all_sealed(sql)?;
    database.commit()?;
    let random = RandomBits::seeded().map_err(|error| StoreError::Internal {
        what: error.to_string(),
    })?;
    let stripe = begun.stripe.unwrap_or(Stripe::ALONE);
    Ok(Loaded {
        tables,
        memory,
        ids: IdSource::striped(last, stripe),
        random,
        factors,
    })
}
