//! What is being erased, as far as this node knows: nothing of it is claimed, and what lies in memory is not started.
//!
//! An erasure takes rows in steps; until it has reached one, that could be sent, and what this node has claimed waits in
//! its memory, behind a receiver that hangs perhaps for minutes. Asked before every attempt, so a look costs one load
//! while nothing is being erased. Holds the organizations and events of erasures that run, and of an organization's events
//! those that were in memory. Another node's erasures are known from their first step here, within a minute.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidings_core::id::EventId;

/// The events and the organizations. See the module.
#[derive(Debug, Default)]
pub(in crate::store::sql) struct Withheld {
    any: AtomicBool,
    sets: Mutex<Sets>,
}

#[derive(Debug, Default)]
struct Sets {
    events: HashSet<EventId>,
    owners: HashSet<i64>,
}

impl Withheld {
    /// Nothing of these events is started from now on.
    pub fn add(&self, events: impl IntoIterator<Item = EventId>) {
        self.change(|sets| sets.events.extend(events));
    }

    /// Nothing of what this organization posted is claimed from now on.
    pub fn add_owner(&self, organization: i64) {
        self.change(|sets| {
            sets.owners.insert(organization);
        });
    }

    /// An event is gone, or its erasure ended: nothing of it is in memory any more.
    pub fn remove(&self, event: EventId) {
        if self.any() {
            self.change(|sets| {
                sets.events.remove(&event);
            });
        }
    }

    /// An organization's erasure ended.
    pub fn remove_owner(&self, organization: i64) {
        self.change(|sets| {
            sets.owners.remove(&organization);
        });
    }

    /// Whether anything is withheld.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Whether the event is withheld by itself.
    pub fn has(&self, event: EventId) -> bool {
        self.any() && self.locked().events.contains(&event)
    }

    /// Whether what this organization posted is withheld.
    pub fn has_owner(&self, organization: i64) -> bool {
        self.any() && self.locked().owners.contains(&organization)
    }

    fn change(&self, change: impl FnOnce(&mut Sets)) {
        let mut sets = self.locked();
        change(&mut sets);
        let any = !sets.events.is_empty() || !sets.owners.is_empty();
        self.any.store(any, Ordering::Release);
    }

    fn locked(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
