//! What a piece of work may use while its transaction is open, and what it leaves to be done after the commit.
//!
//! The database is undone by a rollback; [`Memory`] is not, so it only ever holds what can be rebuilt from the
//! database ([`Memory::doubt`]).

use super::due::DueSummary;
use super::statements::Statements;
use super::tables::Tables;
use crate::clock::RandomBits;
use crate::store::handover::Handover;
use crate::store::queue::Job;
use crate::store::room::Room;
use rusqlite::Connection;
use std::sync::Arc;
use tidings_core::id::{EndpointId, IdSource};
use tidings_core::time::Timestamp;

/// A change of the directory in memory, made right after the commit.
pub(super) type Apply = Box<dyn FnOnce(&mut Tables) + Send>;

/// One transaction's surroundings.
pub(super) struct Step<'a, 'c> {
    /// The moment the transaction began.
    pub now: Timestamp,
    /// The directory as of the last commit.
    pub tables: &'a Tables,
    /// What the writer alone remembers.
    pub memory: &'a mut Memory,
    /// This node's room.
    pub room: &'a Arc<Room>,
    pub(super) ids: &'a mut IdSource,
    pub(super) random: &'a RandomBits,
    pub(super) after: &'a mut After,
    pub(super) statements: &'a mut Statements<'c>,
}

/// What is done once the transaction is on disk.
#[derive(Default)]
pub(super) struct After {
    pub(super) apply: Option<Apply>,
    pub(super) jobs: Vec<Job>,
    due: Option<Timestamp>,
}

/// What the writer alone remembers.
#[derive(Debug)]
pub(super) struct Memory {
    /// This life of the node.
    pub epoch: i64,
    /// Which endpoints have something due.
    pub due: DueSummary,
}

impl Memory {
    /// Something was rolled back: what was learnt from it may be wrong.
    pub(super) fn doubt(&mut self) {
        self.due.doubt();
    }
}

impl<'c> Step<'_, 'c> {
    /// The writer's connection, inside the transaction.
    pub(super) fn connection(&self) -> &'c Connection {
        self.statements.connection
    }

    /// The next id, above all given before. Also for endpoints, keys, replays and audit rows.
    pub(super) fn next_id(&mut self) -> i64 {
        self.ids.next(self.now, self.random.next())
    }

    /// Says how the directory in memory changes with this commit; for lone work, at most once.
    pub(super) fn apply(&mut self, apply: impl FnOnce(&mut Tables) + Send + 'static) {
        self.after.apply = Some(Box::new(apply));
    }

    /// Says that a delivery of `endpoint` now waits in the store for `at`.
    pub(super) fn waits(&mut self, endpoint: EndpointId, at: Timestamp) {
        self.memory.due.add(endpoint, at);
        self.after.due = Some(self.after.due.map_or(at, |earlier| earlier.min(at)));
    }
}

impl After {
    /// Tells the engine.
    pub(super) fn announce(&mut self, handover: &Handover) {
        handover.hand_over(std::mem::take(&mut self.jobs));
        if let Some(due) = self.due {
            handover.due_at(due);
        }
    }
}
