//! The one wake-up handle between store and engine: deliveries handed over at accept, and due times.
//!
//! The channel holds as many batches as [`Room`] holds deliveries, and a batch is never empty, so sending
//! cannot block and cannot fail while the engine lives. Due times coalesce into the earliest one, upkeep into one signal.

use super::queue::Job;
use super::room::Room;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tidings_core::time::Timestamp;
use tokio::sync::{Notify, mpsc};

/// The store's end.
#[derive(Debug, Clone)]
pub struct Handover {
    room: Arc<Room>,
    jobs: mpsc::Sender<Vec<Job>>,
    due: Arc<Due>,
    upkeep: Arc<Notify>,
}

/// The engine's end.
#[derive(Debug)]
pub struct Receiver {
    /// Batches of deliveries, leased to this node.
    pub jobs: mpsc::Receiver<Vec<Job>>,
    /// When the store next has something due.
    pub due: Arc<Due>,
    /// Signalled when a fan-out, a replay or other upkeep was left to do.
    pub upkeep: Arc<Notify>,
}

/// The earliest due time the engine has not looked at.
#[derive(Debug)]
pub struct Due {
    earliest: AtomicI64,
    wake: Notify,
}

/// A pair of ends around one node's room.
pub fn channel(room: Arc<Room>) -> (Handover, Receiver) {
    let (sender, receiver) = mpsc::channel(room.capacity().max(1));
    let due = Arc::new(Due {
        earliest: AtomicI64::new(i64::MAX),
        wake: Notify::new(),
    });
    let upkeep = Arc::new(Notify::new());
    (
        Handover {
            room,
            jobs: sender,
            due: Arc::clone(&due),
            upkeep: Arc::clone(&upkeep),
        },
        Receiver {
            jobs: receiver,
            due,
            upkeep,
        },
    )
}

impl Handover {
    /// The node's room: the store reserves before it commits a delivery as leased.
    pub const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Hands leased deliveries over, after their commit. Returned ones found no engine: they stay leased
    /// and are recovered at the next start.
    pub fn hand_over(&self, jobs: Vec<Job>) {
        if !jobs.is_empty() {
            let _engine_gone = self.jobs.try_send(jobs);
        }
    }

    /// Says that a fan-out, a replay or other upkeep is left to do.
    pub fn upkeep_left(&self) {
        self.upkeep.notify_one();
    }

    /// Says that something in the store is due at `moment`.
    pub fn due_at(&self, moment: Timestamp) {
        if self
            .due
            .earliest
            .fetch_min(moment.as_micros(), Ordering::AcqRel)
            > moment.as_micros()
        {
            self.due.wake.notify_one();
        }
    }
}

impl Due {
    /// Waits until a due time earlier than those taken was announced.
    pub async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Takes the earliest announced due time; the caller now minds it.
    pub fn take(&self) -> Option<Timestamp> {
        match self.earliest.swap(i64::MAX, Ordering::AcqRel) {
            i64::MAX => None,
            micros => Some(Timestamp::from_micros(micros)),
        }
    }
}
