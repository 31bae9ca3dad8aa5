//! What is being erased, as far as this node knows: nothing of it is claimed, and what lies in memory is not started.
//!
//! An erasure takes rows in steps; until it has reached one, that could be sent, and what this node has claimed waits in
//! its memory, behind a receiver that hangs perhaps for minutes. Asked before every attempt, so a look costs one load
//! while nothing is being erased. Another node's erasures are known from their first step here, within a minute.
//!
//! It only says where to look: events are never used again, so that one too many does no harm, and whose an event is the
//! database says, since an organization's number may be used again as soon as its erasure has ended, on whichever node.
//! Emptied when no erasure runs.

use super::super::database::{Sql, values};
use crate::store::StoreError;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidings_core::id::EventId;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::store::sql) struct Withheld {
    any: AtomicBool,
    /// Events that may lie in memory.
    events: Mutex<HashSet<EventId>>,
}

impl Withheld {
    /// An erasure runs. Nothing of these events is started from now on.
    pub fn add(&self, events: impl IntoIterator<Item = EventId>) {
        self.locked().extend(events);
        self.any.store(true, Ordering::Release);
    }

    /// No erasure runs.
    pub fn clear(&self) {
        if self.any.swap(false, Ordering::AcqRel) {
            *self.locked() = HashSet::new();
        }
    }

    /// Whether an attempt may not start.
    pub fn has(&self, event: EventId) -> bool {
        self.any.load(Ordering::Acquire) && self.locked().contains(&event)
    }

    /// Whether an event may not be claimed, since everything of its owner is being erased.
    ///
    /// # Errors
    /// The database failed.
    pub fn is_ending(&self, sql: &dyn Sql, event: EventId) -> Result<bool, StoreError> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(false);
        }
        sql.exists(
            "SELECT 1 FROM events JOIN erasures ON erasures.organization_id = events.organization_id
             WHERE events.id = ?1 AND erasures.event_id IS NULL AND erasures.ended_at IS NULL",
            values![event.raw()],
        )
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<EventId>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
