//! Performs what the dispatcher decides: the engine's only `select!`.
//!
//! Invariants: one claim and one batch of results are with the store at a time; an attempt is a task of its own,
//! and whatever becomes of that task, its delivery comes back; the endpoint is looked up at the very start of
//! an attempt, so a switch holds from the moment it is answered.
//!
//! Deliberately absent: decisions. What to start, store and claim, and when, is the dispatcher's.

use super::attempt::{Attempts, Ended};
use super::dispatcher::{Actions, Dispatcher, Input, Start};
use super::{EngineParts, Pulse, Transport};
use crate::clock::Clock;
use crate::store::Reach;
use crate::store::directory::{Directory, Endpoint, Sending};
use crate::store::handover::Due;
use crate::store::queue::{Change, Claimed, Job, NotSettled, Settled, Settlement};
use crate::store::{Store, StoreError};
use crate::traces::tracer;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::delivery::Round;
use tidings_core::time::Timestamp;
use tokio::sync::{mpsc, watch};

/// Inputs taken in before deciding again.
const TAKEN_AT_ONCE: usize = 256;
/// The longest sleep while something is due later: the wall clock may be set forward meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// A call to the store that is under way.
type Call<'a, T> = Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>;

/// What happened while the driver waited.
enum Happened {
    Ended,
    Arrived(Vec<Job>),
    Due,
    Claimed(Result<Claimed, StoreError>),
    Settled(Result<Vec<Settled>, NotSettled>),
    Woke,
    Again,
    Drain,
}

/// The loop's state between two waits.
struct Driver<'a, T> {
    dispatcher: Dispatcher,
    actions: Actions,
    store: &'a dyn Store,
    clock: &'a Clock,
    attempts: Attempts<T>,
    pulse: &'a Pulse,
    claim: Call<'a, Result<Claimed, StoreError>>,
    settle: Call<'a, Result<Vec<Settled>, NotSettled>>,
    sleep: Option<(Timestamp, Pin<Box<tokio::time::Sleep>>)>,
    /// Whether to decide again at once.
    again: bool,
}

/// Runs until it was told to drain and nothing is left in memory.
pub(super) async fn run<T: Transport>(
    parts: EngineParts<T>,
    pulse: Arc<Pulse>,
    mut drain: watch::Receiver<bool>,
) {
    let (ended, mut endings) = mpsc::channel(parts.slots.max(1));
    let due: Arc<Due> = parts.handover.due;
    let mut jobs = parts.handover.jobs;
    let mut batch: Vec<Ended> = Vec::with_capacity(TAKEN_AT_ONCE);
    let mut draining = false;
    let mut driver = Driver {
        dispatcher: Dispatcher::new(parts.slots, parts.clock.now()),
        actions: Actions::default(),
        store: &*parts.store,
        clock: &parts.clock,
        attempts: Attempts::new(parts.transport, parts.clock.clone(), ended),
        pulse: &pulse,
        claim: None,
        settle: None,
        sleep: None,
        again: false,
    };
    driver.perform();
    while !driver.dispatcher.drained() {
        if driver.again {
            // Those just started send their requests, and sockets are looked at.
            tokio::task::yield_now().await;
        }
        let happened = tokio::select! {
            _ = endings.recv_many(&mut batch, TAKEN_AT_ONCE) => Happened::Ended,
            Some(arrived) = jobs.recv() => Happened::Arrived(arrived),
            () = due.changed() => Happened::Due,
            answer = under_way(&mut driver.claim) => Happened::Claimed(answer),
            answer = under_way(&mut driver.settle) => Happened::Settled(answer),
            () = asleep(&mut driver.sleep) => Happened::Woke,
            Ok(()) = drain.changed(), if !draining => Happened::Drain,
            () = std::future::ready(()), if driver.again => Happened::Again,
        };
        let now = driver.clock.now();
        match happened {
            Happened::Ended | Happened::Again => {}
            Happened::Arrived(arrived) => driver.arrived(now, arrived),
            Happened::Due => {
                if let Some(moment) = due.take() {
                    driver.dispatcher.take(now, Input::Due(moment));
                }
            }
            Happened::Claimed(answer) => driver.claimed(now, answer),
            Happened::Settled(answer) => driver.settled(now, answer),
            Happened::Woke => driver.sleep = None,
            Happened::Drain => {
                draining = true;
                driver.dispatcher.take(now, Input::Drain);
            }
        }
        // What else is there already is taken in before deciding: one decision, one commit for all of it.
        while let Ok(arrived) = jobs.try_recv() {
            driver.arrived(now, arrived);
        }
        while let Ok(ended) = endings.try_recv() {
            batch.push(ended);
        }
        for Ended { job, record } in batch.drain(..) {
            driver.dispatcher.take(now, Input::Finished { job, record });
        }
        driver.perform();
    }
}

impl<T: Transport> Driver<'_, T> {
    fn arrived(&mut self, now: Timestamp, jobs: Vec<Job>) {
        self.pulse.traffic.notify_one();
        self.dispatcher.take(now, Input::Arrived(jobs));
    }

    fn claimed(&mut self, now: Timestamp, answer: Result<Claimed, StoreError>) {
        self.claim = None;
        let input = match answer {
            Ok(claimed) => Input::Claimed(claimed),
            Err(error) => {
                tracing::warn!(%error, "claiming due deliveries failed; trying again in a second");
                Input::ClaimFailed
            }
        };
        self.dispatcher.take(now, input);
    }

    fn settled(&mut self, now: Timestamp, answer: Result<Vec<Settled>, NotSettled>) {
        self.settle = None;
        let input = match answer {
            Ok(settled) => {
                let lost = settled
                    .iter()
                    .filter(|settled| matches!(settled, Settled::LeaseLost))
                    .count();
                if lost > 0 {
                    tracing::warn!(lost, "results came too late: others hold those deliveries");
                }
                Input::Settled
            }
            Err(NotSettled { error, results }) => {
                let kept = results.len();
                tracing::warn!(%error, kept, "storing results failed; trying again in a second");
                Input::SettleFailed(results)
            }
        };
        self.dispatcher.take(now, input);
    }

    /// Decides once and performs it.
    fn perform(&mut self) {
        let now = self.clock.now();
        self.dispatcher.decide(now, &mut self.actions);
        let store = self.store;
        if let Some(limit) = self.actions.claim.take() {
            self.claim = Some(store.claim(limit, now));
        }
        if let Some(results) = self.actions.settle.take() {
            self.settle = Some(settle(store, results, self.clock));
        }
        self.again = self.actions.more;
        let start = &mut self.actions.start;
        if !start.is_sorted_by_key(|start| start.after_others) {
            start.sort_by_key(|start| start.after_others);
        }
        for Start { job, .. } in start.drain(..) {
            match admit(store, &job) {
                Some(endpoint) => self.attempts.start(job, endpoint),
                None => {
                    self.again = true;
                    self.dispatcher.take(now, Input::Withheld(job));
                }
            }
        }
        self.pulse.beat(&self.dispatcher);
        self.rest();
    }

    /// Sets the alarm, unless one rings early enough.
    fn rest(&mut self) {
        let Some(moment) = self.actions.wake_at else {
            self.sleep = None;
            return;
        };
        if self.sleep.as_ref().is_none_or(|(set, _)| moment < *set) {
            let wait = moment.since(self.clock.now()).min(LONGEST_SLEEP);
            self.sleep = Some((moment, Box::pin(tokio::time::sleep(wait))));
        }
    }
}

/// The endpoint, if this node still holds the delivery and it may be sent now; a test send may while it is switched off.
fn admit(store: &dyn Store, job: &Job) -> Option<Arc<Endpoint>> {
    if !store.may_start(job) {
        return None;
    }
    let id = job.delivery.endpoint;
    match (Directory::sending(store, id)?, job.progress.round) {
        (Sending::Open, _) | (Sending::Off, Round::Test) => store.endpoint(Reach::All, id),
        (Sending::Off | Sending::Suspended, _) => None,
    }
}

/// Stores results; where traces are on, with a span for each.
fn settle<'a>(
    store: &'a dyn Store,
    results: Vec<Settlement>,
    clock: &'a Clock,
) -> Pin<Box<dyn Future<Output = Result<Vec<Settled>, NotSettled>> + Send + 'a>> {
    let Some(tracer) = tracer() else {
        return store.settle(results);
    };
    let began = clock.now();
    let attempts = results.iter().filter_map(|result| match &result.change {
        Change::Attempted { record, .. } => Some((result.delivery, record.number)),
        Change::HandedBack { .. } | Change::Cancelled(_) => None,
    });
    let attempts: Vec<_> = attempts.collect();
    let settling = store.settle(results);
    Box::pin(async move {
        let answer = settling.await;
        if answer.is_ok() {
            let now = clock.now();
            for attempt in attempts {
                tracer.settled(attempt, (began, now));
            }
        }
        answer
    })
}

async fn under_way<T>(call: &mut Call<'_, T>) -> T {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}

async fn asleep(sleep: &mut Option<(Timestamp, Pin<Box<tokio::time::Sleep>>)>) {
    match sleep {
        Some((_, sleep)) => sleep.await,
        None => std::future::pending().await,
    }
}
