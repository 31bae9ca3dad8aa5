//! What a piece of work may use while its transaction is open, and what it leaves to be done after the commit.
//!
//! The database is undone by a rollback; [`Memory`] is not, so it only ever holds what can be read anew from the
//! database ([`Memory::doubt`]).

use super::aside::Aside;
use super::database::{Database, DirectoryChange, Sql, values};
use super::directory::uses::{Uses, Written};
use super::due::DueSummary;
use super::erase::{self, Withheld};
use super::notices::Noting;
use super::stats::{Tally, Writing};
use super::tables::Tables;
use super::upkeep::{Chores, WallClock};
use crate::clock::RandomBits;
use crate::metrics::COUNTS;
use crate::store::StoreError;
use crate::store::handover::Handover;
use crate::store::queue::Job;
use crate::store::room::Room;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidings_core::delivery::{Resting, State};
use tidings_core::id::{EndpointId, IdSource};
use tidings_core::time::Timestamp;

/// A change of the directory in memory, made right after the commit.
pub(super) type Apply = Box<dyn FnOnce(&mut Tables) + Send>;

/// One transaction's surroundings.
pub(in crate::store) struct Step<'a> {
    /// The moment the transaction began.
    pub now: Timestamp,
    /// The directory as of the last commit.
    pub tables: &'a Tables,
    /// What the writer alone remembers.
    pub(super) memory: &'a mut Memory,
    /// This node's room.
    pub room: &'a Arc<Room>,
    /// The writer's connection, inside the transaction.
    pub database: &'a dyn Database,
    pub(super) ids: &'a mut IdSource,
    pub(super) random: &'a RandomBits,
    pub(super) after: &'a mut After,
}

/// What is done once the transaction is on disk.
#[derive(Default)]
pub(super) struct After {
    pub(super) change: Option<(DirectoryChange, Apply)>,
    /// The directory's version with that change.
    pub(super) version: Option<i64>,
    jobs: Vec<Job>,
    due: Option<Timestamp>,
    upkeep: bool,
    /// Deliveries that came to rest in it.
    ends: Ends,
}

/// Deliveries that came to rest, by how.
#[derive(Default)]
struct Ends {
    delivered: u64,
    exhausted: u64,
    cancelled: u64,
}

/// What the writer alone remembers.
#[derive(Debug)]
pub(super) struct Memory {
    /// This life of the node.
    pub epoch: i64,
    /// Which endpoints have something due.
    pub due: DueSummary,
    /// Due rows that are not in the index yet.
    pub aside: Aside,
    /// Endpoints whose due deliveries are being cancelled in bulk: none of them is claimed.
    pub sweeping: HashSet<EndpointId>,
    /// Whether a fan-out may be unfinished; also looked at from outside, to save a way here.
    pub expanding: Arc<AtomicBool>,
    /// What became of attempts, counted outside the writer.
    pub tally: Tally,
    /// The part of it that is being written.
    pub writing: Writing,
    /// When keys were last used, as far as it is not written yet.
    pub uses: Uses,
    /// What the last step wrote of that.
    pub uses_written: Written,
    /// Where upkeep stands.
    pub chores: Chores,
    /// Which endpoints fail, and who is told of it.
    pub notices: Noting,
    /// Events of which nothing is started; also looked at from outside.
    pub withheld: Arc<Withheld>,
    doubted: bool,
}

impl Memory {
    /// Of a new life of the node.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn load(
        database: &dyn Database,
        epoch: i64,
        wall_clock: WallClock,
    ) -> Result<Self, StoreError> {
        let sql = database.sql();
        let expanding = sql.exists("SELECT 1 FROM fan_outs LIMIT 1", values![])?;
        let mut due = DueSummary::read(database)?;
        Ok(Self {
            epoch,
            aside: Aside::read(sql, &mut due)?,
            due,
            sweeping: read_sweeping(sql)?,
            expanding: Arc::new(AtomicBool::new(expanding)),
            tally: Tally::default(),
            writing: Writing::default(),
            uses: Uses::default(),
            uses_written: Written::default(),
            chores: Chores::load(sql, wall_clock)?,
            notices: Noting::default(),
            withheld: Arc::new(erase::withheld(sql)?),
            doubted: false,
        })
    }

    /// Something was rolled back: what was learnt in it may be wrong.
    pub(super) fn doubt(&mut self) {
        self.doubted = true;
        self.expanding.store(true, Ordering::Release);
        self.chores.doubt();
        self.notices.doubt();
        self.uses_written.clear();
        self.writing.doubt();
    }

    /// The clock was set back.
    pub(super) fn set_back(&mut self) {
        self.chores.set_back();
        self.notices.set_back();
        self.writing.set_back();
    }

    /// Reads anew what is in doubt.
    ///
    /// # Errors
    /// The database failed; it stays in doubt.
    pub(super) fn trust(&mut self, database: &dyn Database) -> Result<(), StoreError> {
        if self.doubted {
            self.due = DueSummary::read(database)?;
            self.aside = Aside::read(database.sql(), &mut self.due)?;
            self.sweeping = read_sweeping(database.sql())?;
            self.doubted = false;
        }
        Ok(())
    }
}

/// Endpoints with a sweep.
pub(super) fn read_sweeping(sql: &dyn Sql) -> Result<HashSet<EndpointId>, StoreError> {
    let all = sql.all("SELECT endpoint_id FROM sweeps", values![], |row| {
        Ok(EndpointId::from_raw(row.get(0)?))
    })?;
    Ok(all.into_iter().collect())
}

impl<'a> Step<'a> {
    /// The writer's connection for everything but the hot path's verbs.
    pub(in crate::store) fn sql(&self) -> &'a dyn Sql {
        self.database.sql()
    }

    /// The next id, above all given before. Also for endpoints, keys, replays and audit rows.
    pub(super) fn next_id(&mut self) -> i64 {
        self.ids.next(self.now, self.random.next())
    }

    /// The chain of the audit log that this node adds to: its own among several, 0 alone.
    pub(super) fn chain(&self) -> u8 {
        let number = self.ids.stripe().number();
        number.map_or(0, |number| number + 1)
    }

    /// Says how the directory in memory changes with this commit; for lone work, at most once.
    pub(in crate::store) fn apply(
        &mut self,
        change: DirectoryChange,
        apply: impl FnOnce(&mut Tables) + Send + 'static,
    ) {
        self.after.change = Some((change, Box::new(apply)));
    }

    /// Says that a delivery of `endpoint` now waits in the store for `at`, which the engine does not know yet.
    pub(super) fn waits(&mut self, endpoint: EndpointId, at: Timestamp) {
        self.memory.due.add(endpoint, at);
        self.after.wake_at(at);
    }

    /// The state in which a due row is stored, with lease epoch `aside::NO_EPOCH`: set aside, if there is a place.
    pub(super) fn due_state(&self) -> State {
        match self.database.sets_aside() && self.memory.aside.has_place() {
            true => State::InFlight,
            false => State::Due,
        }
    }

    /// Has the engine claim again now.
    pub(super) fn look_again(&mut self) {
        self.after.wake_at(self.now);
    }

    /// Hands a delivery over after the commit.
    pub(super) fn hand_over(&mut self, job: Job) {
        self.after.jobs.push(job);
    }

    /// Says that a fan-out goes on after this commit.
    pub(super) fn leaves_fan_out(&mut self) {
        self.memory.expanding.store(true, Ordering::Release);
        self.after.upkeep = true;
    }

    /// Says that a sweep of `endpoint` is on disk with this commit: until it is done nothing of it is claimed.
    pub(super) fn leaves_sweep(&mut self, endpoint: EndpointId) {
        self.memory.sweeping.insert(endpoint);
        self.after.upkeep = true;
    }

    /// So many deliveries came to rest so: counted with the commit.
    pub(super) const fn ended(&mut self, how: Resting, deliveries: usize) {
        let ends = &mut self.after.ends;
        let count = match how {
            Resting::Delivered => &mut ends.delivered,
            Resting::Exhausted => &mut ends.exhausted,
            Resting::Cancelled(_) => &mut ends.cancelled,
        };
        *count = count.saturating_add(deliveries as u64);
    }

    /// Says that upkeep has something to do after this commit.
    pub(super) const fn leaves_upkeep(&mut self) {
        self.after.upkeep = true;
    }
}

impl After {
    /// Tells the engine.
    pub(super) fn announce(&mut self, handover: &Handover) {
        handover.hand_over(std::mem::take(&mut self.jobs));
        if let Some(due) = self.due {
            handover.due_at(due);
        }
        if self.upkeep {
            handover.upkeep_left();
        }
        let Ends {
            delivered,
            exhausted,
            cancelled,
        } = self.ends;
        COUNTS.ends.add("delivered", delivered);
        COUNTS.ends.add("exhausted", exhausted);
        COUNTS.ends.add("cancelled", cancelled);
    }

    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |earlier| earlier.min(at)));
    }
}
