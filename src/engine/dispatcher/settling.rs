//! Results on their way into the store.
//!
//! A timeout is not urgent: three seconds are over, its next try is ten or more away, and its slot is free already. Timeouts
//! gather for a moment and are stored together, since each settles a row of an older event: one by one they would
//! dirty pages in every commit that the events of healthy endpoints wait for, and together they share those pages.
//!
//! Invariants: one batch at a time, so results gather while the one before commits (group commit); a batch that
//! failed comes back and goes again after a second, before anything newer of its kind is lost; each result
//! holds its room until it is stored, so what gathers here is bounded.

use crate::store::queue::{Change, Settlement};
use std::time::Duration;
use tidings_core::delivery::Next;
use tidings_core::time::Timestamp;

/// Results in one commit at most, so that a commit stays short.
pub const BATCH: usize = 1_024;
/// How long timeouts gather. What a crash loses of them is sent once more (W23).
pub const GATHER: Duration = Duration::from_millis(100);
/// So many timeouts need not gather any longer.
pub const ENOUGH: usize = 256;
/// After a batch failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// When to look again for what was handed back: its endpoint may have been switched on before that was stored.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Results not yet stored.
#[derive(Debug)]
pub struct Settling {
    pending: Vec<Settlement>,
    timeouts: Vec<Settlement>,
    /// When the first of the timeouts came.
    since: Timestamp,
    outstanding: Option<Batch>,
    not_before: Timestamp,
}

/// What is remembered of a batch while the store has it.
#[derive(Debug)]
struct Batch {
    results: usize,
    due: Option<Timestamp>,
    handed_back: bool,
}

/// What a stored batch changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Deliveries whose room came free.
    pub freed: usize,
    /// The earliest time one of them is due again.
    pub due: Option<Timestamp>,
}

impl Settling {
    /// None.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            pending: Vec::new(),
            timeouts: Vec::new(),
            since: now,
            outstanding: None,
            not_before: now,
        }
    }

    /// The clock was set back: pauses that began later than now are over.
    pub fn set_back(&mut self, now: Timestamp) {
        self.since = self.since.min(now);
        self.not_before = self.not_before.min(now);
    }

    /// One more result.
    pub fn push(&mut self, settlement: Settlement) {
        self.pending.push(settlement);
    }

    /// One more result, which may wait for others of its kind.
    pub fn push_timeout(&mut self, now: Timestamp, settlement: Settlement) {
        if self.timeouts.is_empty() {
            self.since = now;
        }
        self.timeouts.push(settlement);
    }

    /// Whether everything is stored.
    pub const fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.timeouts.is_empty() && self.outstanding.is_none()
    }

    /// The next batch to store, if there is one and the one before is done.
    pub fn batch(&mut self, now: Timestamp) -> Option<Vec<Settlement>> {
        if self.moment().is_none_or(|moment| moment > now) {
            return None;
        }
        if self.gathered().is_some_and(|moment| moment <= now) {
            self.pending.append(&mut self.timeouts);
        }
        let batch = if self.pending.len() > BATCH {
            let later = self.pending.split_off(BATCH);
            std::mem::replace(&mut self.pending, later)
        } else {
            std::mem::take(&mut self.pending)
        };
        self.outstanding = Some(Batch {
            results: batch.len(),
            due: batch.iter().filter_map(due_again).min(),
            handed_back: batch
                .iter()
                .any(|settlement| matches!(settlement.change, Change::HandedBack { .. })),
        });
        Some(batch)
    }

    /// When the next batch may go; `None` while one is outstanding or there is nothing to store.
    pub fn moment(&self) -> Option<Timestamp> {
        if self.outstanding.is_some() {
            return None;
        }
        match self.pending.is_empty() {
            true => Some(self.gathered()?.max(self.not_before)),
            false => Some(self.not_before),
        }
    }

    /// When the timeouts have gathered, if there are any.
    fn gathered(&self) -> Option<Timestamp> {
        match self.timeouts.len() {
            0 => None,
            1..ENOUGH => Some(self.since.plus(GATHER)),
            _ => Some(self.since),
        }
    }

    /// The outstanding batch is stored.
    pub fn stored(&mut self, now: Timestamp) -> Stored {
        let Some(batch) = self.outstanding.take() else {
            return Stored {
                freed: 0,
                due: None,
            };
        };
        let again = batch.handed_back.then(|| now.plus(LOOK_AGAIN));
        Stored {
            freed: batch.results,
            due: [batch.due, again].into_iter().flatten().min(),
        }
    }

    /// The outstanding batch could not be stored and came back. What a failing store lost of it holds no room
    /// any more and stays leased until the next start; the answer is how many that are.
    pub fn failed(&mut self, now: Timestamp, mut results: Vec<Settlement>) -> usize {
        let sent = self.outstanding.take().map_or(0, |batch| batch.results);
        let lost = sent.saturating_sub(results.len());
        results.append(&mut self.pending);
        self.pending = results;
        self.not_before = now.plus(AFTER_FAILURE);
        lost
    }
}

fn due_again(settlement: &Settlement) -> Option<Timestamp> {
    match &settlement.change {
        Change::Attempted {
            next: Next::DueAt(due),
            ..
        } => Some(*due),
        Change::Attempted {
            next: Next::Rest(_),
            ..
        }
        | Change::HandedBack { .. }
        | Change::Cancelled(_) => None,
    }
}
