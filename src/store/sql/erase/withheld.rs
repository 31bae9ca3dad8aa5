//! Events whose erasure runs on or is known to this node: what lies in memory of them is not started.
//!
//! An erasure takes what waits in the database; what this node has claimed waits in its memory, behind a receiver that hangs
//! perhaps for minutes. Asked before every attempt, so a look costs one load while nothing is being erased. Holds as
//! many ids as erasures run. Another node's erasures are known from their first step here, within a minute.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidings_core::id::EventId;

/// The events. See the module.
#[derive(Debug, Default)]
pub(in crate::store::sql) struct Withheld {
    any: AtomicBool,
    events: Mutex<HashSet<EventId>>,
}

impl Withheld {
    /// From now on.
    pub fn add(&self, event: EventId) {
        self.locked().insert(event);
        self.any.store(true, Ordering::Release);
    }

    /// Its erasure ended: nothing of it is in memory any more.
    pub fn remove(&self, event: EventId) {
        let mut events = self.locked();
        events.remove(&event);
        self.any.store(!events.is_empty(), Ordering::Release);
    }

    /// Whether it is among them.
    pub fn has(&self, event: EventId) -> bool {
        self.any.load(Ordering::Acquire) && self.locked().contains(&event)
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<EventId>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
