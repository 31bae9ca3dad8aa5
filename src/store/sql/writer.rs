//! The one writer: a thread of its own, one connection, group commit.
//!
//! What is queued when the writer comes round, and what is queued while it runs that, goes into one transaction and
//! is answered when that is on disk. An idle writer commits at once: no event waits for company. Three kinds of work:
//! - *shared* work (accept, claim) goes together; it refuses bad input by itself, so that an error is
//!   the database's, and then the whole group is answered with it and nothing of it is stored;
//! - *patient* work (settle) is shared, too; alone, it is run at once and committed with what comes next, or after
//!   [`MOMENT`], so that events do not wait for the sync of results;
//! - *lone* work (changes of the directory, upkeep) has a transaction of its own. Whatever comes after it sees
//!   the directory in memory as it left it.
//!
//! Where other nodes write to the same database, each transaction first learns what they changed ([`view`]).
//!
//! After a commit, in this order: memory, handed-over deliveries, answers. A failure of the file system or
//! damage is final: every later call is answered with it, until the process ends.

use super::database::{Database, Purpose};
use super::step::{After, Memory, Step, read_sweeping};
use super::tables::Shared;
use super::view;
use crate::clock::{Clock, RandomBits};
use crate::metrics::COUNTS;
use crate::store::StoreError;
use crate::store::handover::Handover;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;
use tidings_core::id::IdSource;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that may wait for the writer.
pub(super) const QUEUE: usize = 4_096;
/// How long a caller waits for a place in the queue.
const PATIENCE: Duration = Duration::from_millis(500);
/// Events and results in one group: bounds how long a commit takes.
const GROUP: usize = 2_048;

/// Whether work may be committed together with other work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// With others; the number is how many events or results it holds.
    Shared(usize),
    /// As shared, and nobody is held up while it waits a moment for others.
    Patient(usize),
    /// In a transaction of its own, for this.
    Lone(Purpose),
}

/// What is sent to the writer.
pub(super) enum Message {
    /// Something to do.
    Work(Company, Box<dyn Work>),
    /// Stop after everything queued before; answered when the file is closed.
    Close(oneshot::Sender<()>),
}

/// One piece of work, run in a transaction and answered after it.
pub(super) trait Work: Send {
    /// Does it. An error undoes the whole transaction.
    fn run(&mut self, step: &mut Step<'_>) -> Result<(), StoreError>;
    /// Answers it.
    fn answer(self: Box<Self>, committed: Result<(), &StoreError>);
}

struct Task<F, T> {
    work: Option<F>,
    outcome: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Work for Task<F, T>
where
    F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, step: &mut Step<'_>) -> Result<(), StoreError> {
        if let Some(work) = self.work.take() {
            self.outcome = Some(work(step)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => Ok(outcome),
            (Ok(()), None) => Err(StoreError::Closed),
            (Err(error), _) => Err(error.clone()),
        };
        let _caller_gone = self.answer.send(answer);
    }
}

/// Work made of a closure, and where its answer comes. The answer is missing only when the writer died.
pub(super) fn task<T, F>(work: F) -> (Box<dyn Work>, oneshot::Receiver<Result<T, StoreError>>)
where
    F: FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let task = Task {
        work: Some(work),
        outcome: None,
        answer,
    };
    (Box::new(task), answered)
}

/// Queues work, or answers it with [`StoreError::Overloaded`] or [`StoreError::Closed`].
pub(super) async fn send(queue: &mpsc::Sender<Message>, company: Company, work: Box<dyn Work>) {
    let (error, message) = match queue.try_send(Message::Work(company, work)) {
        Ok(()) => return,
        Err(TrySendError::Closed(message)) => (StoreError::Closed, message),
        Err(TrySendError::Full(message)) => match queue.send_timeout(message, PATIENCE).await {
            Ok(()) => return,
            Err(SendTimeoutError::Timeout(message)) => (StoreError::Overloaded, message),
            Err(SendTimeoutError::Closed(message)) => (StoreError::Closed, message),
        },
    };
    if let Message::Work(_, work) = message {
        work.answer(Err(&error));
    }
}

/// How long patient work waits for company.
const MOMENT: Duration = Duration::from_millis(1);
/// Patient work of this size needs no company.
const ENOUGH: usize = 256;

/// Work that is committed together, and what came after it.
#[derive(Default)]
struct Group {
    work: Vec<Box<dyn Work>>,
    /// How many pieces were run.
    run: usize,
    /// How many events and results there are; `None` when nothing may join.
    company: Option<usize>,
    /// What its transaction is for.
    purpose: Purpose,
    /// Whether all of it is patient.
    patient: bool,
    next: Option<Message>,
}

impl Group {
    /// Starts with this piece.
    fn open(&mut self, company: Company, work: Box<dyn Work>) {
        self.company = match company {
            Company::Shared(size) | Company::Patient(size) => Some(size),
            Company::Lone(_) => None,
        };
        self.purpose = match company {
            Company::Lone(purpose) => purpose,
            Company::Shared(_) | Company::Patient(_) => Purpose::Work,
        };
        self.patient = matches!(company, Company::Patient(_));
        self.run = 0;
        self.work.push(work);
    }

    /// Runs what was not run yet, and what is queued meanwhile.
    fn run(
        &mut self,
        step: &mut Step<'_>,
        queue: &mut mpsc::Receiver<Message>,
    ) -> Result<(), StoreError> {
        loop {
            self.join(queue);
            let Some(work) = self.work.get_mut(self.run) else {
                return Ok(());
            };
            work.run(step)?;
            self.run += 1;
        }
    }

    /// Takes in what is queued by now, as long as it may be shared and the group is not full.
    fn join(&mut self, queue: &mut mpsc::Receiver<Message>) {
        while let Some(size) = self.company.filter(|size| *size < GROUP) {
            match queue.try_recv() {
                Ok(message) => self.meet(size, message),
                Err(_) => return,
            }
        }
    }

    /// Takes a message in, or keeps it for afterwards and ends the group.
    fn meet(&mut self, size: usize, message: Message) {
        match message {
            Message::Work(company @ (Company::Shared(more) | Company::Patient(more)), work) => {
                self.company = Some(size.saturating_add(more));
                self.patient &= matches!(company, Company::Patient(_));
                self.work.push(work);
            }
            message => {
                self.next = Some(message);
                self.company = None;
            }
        }
    }

    /// Its size, if it may wait for company.
    fn waits(&self) -> Option<usize> {
        self.company.filter(|size| self.patient && *size < ENOUGH)
    }
}

/// What the writer works with, beside its connection.
pub(super) struct Writer {
    /// Where work comes from.
    pub queue: mpsc::Receiver<Message>,
    /// The database file, for messages.
    pub file: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// Random bits for ids.
    pub random: RandomBits,
    /// Gives ids, in the order of commits.
    pub ids: IdSource,
    /// The directory in memory.
    pub tables: Arc<Shared>,
    /// What the writer alone remembers.
    pub memory: Memory,
    /// The engine.
    pub handover: Handover,
    /// Where callers run, if that is a runtime.
    pub callers: Option<Handle>,
    /// The failure after which nothing is written, once there is one.
    pub failed: watch::Sender<Option<StoreError>>,
}

impl Writer {
    /// Works until the queue is closed, on a thread of its own; then whoever asked for the end waits for the answer that
    /// this gives back.
    pub(super) fn run(mut self, database: &dyn Database) -> Option<oneshot::Sender<()>> {
        let mut group = Group::default();
        loop {
            let next = match group.next.take() {
                Some(message) => message,
                None => self.queue.blocking_recv()?,
            };
            match next {
                Message::Work(company, work) => group.open(company, work),
                Message::Close(closed) => {
                    self.refuse_rest();
                    return Some(closed);
                }
            }
            self.commit(database, &mut group);
        }
    }

    /// Takes nothing more, and answers what came too late.
    fn refuse_rest(&mut self) {
        self.queue.close();
        while let Ok(message) = self.queue.try_recv() {
            if let Message::Work(_, work) = message {
                work.answer(Err(&StoreError::Closed));
            }
        }
    }

    fn commit(&mut self, database: &dyn Database, group: &mut Group) {
        let outcome = match self.failed.borrow().as_ref() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        };
        let outcome = outcome.and_then(|()| self.transact(database, group));
        match outcome {
            Ok(mut after) => {
                if let Some((_, apply)) = after.change.take() {
                    let mut tables = self.tables.write();
                    apply(&mut tables);
                    tables.version = after.version.unwrap_or(tables.version);
                    drop(tables);
                    if let Some(due) = self.memory.due.unpark() {
                        after.wake_at(due);
                    }
                }
                after.announce(&self.handover);
                self.answer(std::mem::take(&mut group.work));
            }
            Err(error) => {
                let error = error.located(&self.file);
                self.undo(database, &error);
                for work in group.work.drain(..) {
                    work.answer(Err(&error));
                }
            }
        }
    }

    /// Answers work that is on disk: in one go, where the callers run. One by one from here, each answer would
    /// wake a worker that sleeps again before the next one comes.
    fn answer(&self, group: Vec<Box<dyn Work>>) {
        let answer = move || {
            for work in group {
                work.answer(Ok(()));
            }
        };
        match &self.callers {
            Some(callers) => drop(callers.spawn(async move { answer() })),
            None => answer(),
        }
    }

    /// Runs the group in one transaction, and with it what is queued meanwhile.
    fn transact(
        &mut self,
        database: &dyn Database,
        group: &mut Group,
    ) -> Result<After, StoreError> {
        let mut after = After::default();
        let begun = database.begin(group.purpose, self.clock.now())?;
        // Read after it: where other nodes write, to begin may take seconds, and ids from before it would lie below what
        // their lists have passed meanwhile.
        let now = self.clock.now();
        self.memory.epoch = begun.epoch;
        if let Some(stripe) = begun.stripe {
            self.ids.restripe(stripe);
        }
        if view::catch_up(database.sql(), &self.tables, begun.version)? {
            self.memory.sweeping = read_sweeping(database.sql())?;
            self.ids.pass(self.tables.read().newest());
            if let Some(due) = self.memory.due.unpark() {
                after.wake_at(due);
            }
        }
        let tables = self.tables.read();
        let mut step = Step {
            now,
            tables: &tables,
            memory: &mut self.memory,
            room: self.handover.room(),
            ids: &mut self.ids,
            random: &self.random,
            after: &mut after,
            database,
        };
        group.run(&mut step, &mut self.queue)?;
        while let Some(size) = group.waits()
            && let Some(message) = next_within(&mut self.queue, MOMENT)
        {
            group.meet(size, message);
            group.run(&mut step, &mut self.queue)?;
        }
        if group.work.len() > 1 {
            // There is traffic. If others want this core, they run now, and what they bring goes along; else this
            // takes no time.
            thread::yield_now();
            group.run(&mut step, &mut self.queue)?;
        }
        if let Some((change, _)) = &after.change {
            after.version = database.note_change(*change)?;
        }
        let began = self.clock.monotonic();
        database.commit()?;
        let took = self.clock.monotonic().micros_since(began);
        COUNTS.commit_time.note(Duration::from_micros(took));
        Ok(after)
    }

    /// Leaves the transaction, and distrusts what memory learnt in it.
    fn undo(&mut self, database: &dyn Database, error: &StoreError) {
        database.rollback();
        COUNTS.commit_failures.add(1);
        self.memory.doubt();
        if error.is_final() && self.failed.borrow().is_none() {
            tracing::error!(%error, "the store stops writing");
            self.failed.send_replace(Some(error.clone()));
        }
    }
}

/// Wakes the writer's thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The next message, if one comes within that time; or earlier none, which costs a commit without company. Needs no
/// runtime's timer: the writer outlives runtimes.
fn next_within(queue: &mut mpsc::Receiver<Message>, time: Duration) -> Option<Message> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    if let Poll::Ready(message) = queue.poll_recv(&mut context) {
        return message;
    }
    thread::park_timeout(time);
    match queue.poll_recv(&mut context) {
        Poll::Ready(message) => message,
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn message(company: Company) -> Message {
        let (work, _nobody_waits) = task(|_| Ok(()));
        Message::Work(company, work)
    }

    fn opened(company: Company) -> Group {
        let mut group = Group::default();
        let Message::Work(company, work) = message(company) else {
            return group;
        };
        group.open(company, work);
        group
    }

    #[test]
    fn results_alone_wait_for_company_and_nothing_else_does() {
        assert_eq!(opened(Company::Patient(3)).waits(), Some(3));
        assert_eq!(opened(Company::Patient(ENOUGH)).waits(), None);
        assert_eq!(opened(Company::Shared(1)).waits(), None);
        assert_eq!(opened(Company::Lone(Purpose::Work)).waits(), None);
        for (other, waits) in [
            (Company::Patient(2), Some(5)),
            (Company::Shared(2), None),
            (Company::Lone(Purpose::Work), None),
        ] {
            let mut group = opened(Company::Patient(3));
            group.meet(3, message(other));
            assert_eq!(group.waits(), waits, "{other:?}");
        }
    }

    #[test]
    fn without_a_message_the_wait_ends_and_with_one_too() {
        let (sender, mut queue) = mpsc::channel(1);
        assert!(next_within(&mut queue, Duration::from_millis(1)).is_none());
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let polled = queue.poll_recv(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert!(
            sender
                .try_send(message(Company::Lone(Purpose::Work)))
                .is_ok()
        );
        // Forever, if the message did not wake this thread.
        thread::park();
        assert!(next_within(&mut queue, Duration::ZERO).is_some());
    }
}
