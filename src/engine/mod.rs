//! The engine: takes leased deliveries, makes one attempt each when it is due, and settles them.
//!
//! ```text
//! store ── handed over, claimed ──► driver ──► transport ──► receiver
//!   ▲                              ▲      │
//!   │                    decisions │      │ what happened
//!   └──────── results ◄────────── dispatcher
//! ```
//!
//! The [`dispatcher`] decides and is pure; the driver performs; the janitor calls the store's upkeep.
//!
//! Deliberately absent: how a request is made ([`Transport`] is the seam), and where deliveries are kept
//! (the store).

mod attempt;
pub mod dispatcher;
mod driver;
mod janitor;
pub mod resolver;
pub mod sender;

use crate::clock::Clock;
use crate::store::Store;
use crate::store::directory::Endpoint;
use crate::store::handover;
use crate::store::queue::{AttemptRecord, Job};
use dispatcher::Dispatcher;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

/// Attempts in flight at most, unless set otherwise: a waiting socket is cheap.
pub const SLOTS: usize = 4_096;

/// Makes attempts.
pub trait Transport: Send + Sync + 'static {
    /// Makes one attempt of `job`: look-up, vetting, connect, TLS, request and answer, all within the
    /// deadline (W17). Never fails: what went wrong is in the record. The record's `number` is
    /// `job.progress.attempts + 1`, its lateness is measured from `job.due_at`.
    fn attempt(
        &self,
        job: &Job,
        endpoint: &Arc<Endpoint>,
    ) -> impl Future<Output = AttemptRecord> + Send;
}

/// What an engine is made of.
pub struct EngineParts<T> {
    /// The durable truth; recovered before.
    pub store: Arc<dyn Store>,
    /// Where the store hands deliveries over.
    pub handover: handover::Receiver,
    /// Makes attempts.
    pub transport: Arc<T>,
    /// Time.
    pub clock: Clock,
    /// Attempts in flight at most; at least one.
    pub slots: usize,
}

/// A running engine. Dropping it does not stop it; [`Engine::drain`] does.
#[derive(Debug)]
pub struct Engine {
    driver: JoinHandle<()>,
    janitor: JoinHandle<()>,
    stop: watch::Sender<bool>,
    pulse: Arc<Pulse>,
}

/// How loaded an engine is.
#[derive(Debug, Clone)]
pub struct Gauge {
    driver: AbortHandle,
    pulse: Arc<Pulse>,
}

impl Gauge {
    /// Whether it delivers.
    pub fn is_running(&self) -> bool {
        !self.driver.is_finished()
    }

    /// Deliveries in memory that wait for a slot.
    pub fn waiting(&self) -> usize {
        self.pulse.waiting.load(Ordering::Relaxed)
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> usize {
        self.pulse.in_flight.load(Ordering::Relaxed)
    }
}

/// How an engine stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything in memory was finished or handed back, and stored.
    Clean,
    /// Time ran out, or the engine died: so many attempts were cut off at least. What was not stored stays
    /// leased and is recovered at the next start.
    CutOff {
        /// Attempts that were in flight.
        in_flight: usize,
    },
}

/// What the driver tells the rest of the engine.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Deliveries were handed over.
    traffic: Notify,
    /// Less than [`ENOUGH`] waits in memory now.
    relieved: Notify,
    waiting: AtomicUsize,
    /// Those of them that do not wait for endpoints that time out.
    waiting_for_fast: AtomicUsize,
    in_flight: AtomicUsize,
}

/// While this many deliveries wait in memory for a slot, more of them are no hurry. Those for endpoints that time out are not among
/// them: else a few of those would hold back what is made for all others.
const ENOUGH: usize = 1_024;

impl Pulse {
    /// Tells how loaded the dispatcher is now.
    fn beat(&self, dispatcher: &Dispatcher) {
        self.waiting.store(dispatcher.waiting(), Ordering::Relaxed);
        self.in_flight
            .store(dispatcher.in_flight(), Ordering::Relaxed);
        let fast = dispatcher.waiting_for_fast();
        let before = self.waiting_for_fast.swap(fast, Ordering::Relaxed);
        if before >= ENOUGH && fast < ENOUGH {
            self.relieved.notify_one();
        }
    }

    /// Whether enough deliveries wait in memory for a slot.
    fn is_loaded(&self) -> bool {
        self.waiting_for_fast.load(Ordering::Relaxed) >= ENOUGH
    }

    /// Whether anything is being sent.
    fn is_sending(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Waits until it is no longer loaded, but no longer than `at_most`.
    async fn relieved(&self, at_most: Duration) {
        let _either = timeout(at_most, async {
            while self.is_loaded() {
                self.relieved.notified().await;
            }
        })
        .await;
    }
}

impl Engine {
    /// Starts driver and janitor on the current runtime.
    pub fn start<T: Transport>(parts: EngineParts<T>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let pulse = Arc::new(Pulse::default());
        let janitor = tokio::spawn(janitor::run(
            Arc::clone(&parts.store),
            parts.clock.clone(),
            Arc::clone(&parts.handover.upkeep),
            Arc::clone(&pulse),
            stopped.clone(),
        ));
        let driver = tokio::spawn(driver::run(parts, Arc::clone(&pulse), stopped));
        Self {
            driver,
            janitor,
            stop,
            pulse,
        }
    }

    /// Whether it still delivers; a driver that ended without being drained is a defect and reason to restart.
    pub fn is_running(&self) -> bool {
        !self.driver.is_finished()
    }

    /// Tells how loaded it is, also while it drains.
    pub fn gauge(&self) -> Gauge {
        Gauge {
            driver: self.driver.abort_handle(),
            pulse: Arc::clone(&self.pulse),
        }
    }

    /// Starts nothing more, hands back what waits, finishes and stores what is in flight; at most `within`.
    /// Stop accepting before, close the store after.
    pub async fn drain(mut self, within: Duration) -> Drained {
        self.stop.send_replace(true);
        let ended = timeout(within, async {
            let _janitor = (&mut self.janitor).await;
            (&mut self.driver).await
        })
        .await;
        match ended {
            Ok(Ok(())) => Drained::Clean,
            Ok(Err(_)) | Err(_) => {
                // Their handles on the store are gone when they are; what is on the wire ends with the process.
                for task in [&mut self.driver, &mut self.janitor] {
                    if !task.is_finished() {
                        task.abort();
                        let _aborted = task.await;
                    }
                }
                Drained::CutOff {
                    in_flight: self.pulse.in_flight.load(Ordering::Relaxed),
                }
            }
        }
    }
}
