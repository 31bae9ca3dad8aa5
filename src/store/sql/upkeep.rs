//! What is done between accepts, claims and results, in small steps: cancelling in bulk, replays, lists and
//! the index of due rows, which are written late, forgotten idempotency keys, what is erased, what was kept long enough. And what other nodes left ([`look_around`]).
//!
//! The kinds take turns, so that none of them waits for the end of another. What is old is removed only by a clock that can be
//! believed ([`wall_clock`]).

mod listing;
mod replay;
mod retention;
mod sweep;
mod wall_clock;

pub(super) use listing::{note_delivery, note_event};
pub(super) use wall_clock::WallClock;

use super::database::{Sql, values};
use super::step::Step;
use super::{accounts, aside, directory, due, erase, notices, recover, stats, view};
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use listing::Listing;
use retention::Retiring;
use tidings_core::id::EndpointId;
use tidings_core::limits::IDEMPOTENCY_KEPT;
use tidings_core::time::Timestamp;
use wall_clock::Went;

/// Idempotency keys forgotten in one step.
const FORGOTTEN_AT_ONCE: i64 = 500;
/// Looks around between two looks for rows that are due at other nodes: this node's own it knows at once.
const DUE_EVERY: u32 = 5;
/// Endpoints whose due rows one look around asks for.
const LOOKED_AT: usize = 1_024;

/// Where upkeep stands; what is lost of it is found again in the database.
#[derive(Debug)]
pub(super) struct Chores {
    /// The kind whose turn it is.
    turn: usize,
    /// The lists.
    listing: Listing,
    /// The replay that made the last step.
    last_replay: i64,
    /// The next look around begins after this endpoint.
    looked_to: EndpointId,
    /// How often it was looked around.
    looks: u32,
    /// Changes of the directory up to this version are forgotten.
    pub changes_removed_to: i64,
    /// What is being erased.
    pub erasing: erase::Turns,
    /// What was kept long enough.
    pub retiring: Retiring,
    /// Whether the clock can be believed.
    wall_clock: WallClock,
}

impl Chores {
    /// As the database says.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn load(sql: &dyn Sql, wall_clock: WallClock) -> Result<Self, StoreError> {
        Ok(Self {
            turn: 0,
            listing: Listing::load(sql)?,
            last_replay: 0,
            looked_to: due::FIRST,
            looks: 0,
            changes_removed_to: 0,
            erasing: erase::Turns::default(),
            retiring: Retiring::default(),
            wall_clock,
        })
    }

    /// The clock was set back: what was put off to a moment that may be far away now is looked at at once.
    pub(super) fn set_back(&mut self) {
        self.listing.look_at_once();
        self.erasing.look_at_once();
        self.retiring.look_at_once();
    }

    /// A transaction was rolled back.
    pub(super) fn doubt(&mut self) {
        self.listing.start_over();
        self.retiring.doubt();
    }
}

type Chore = fn(&mut Step<'_>, Timestamp) -> Result<Upkeep, StoreError>;

/// The last [`AGED`] of them remove what is old: only by a clock that can be believed.
const CHORES: [Chore; 13] = [
    wall_clock::mark,
    sweep::step,
    aside::step,
    listing::step,
    replay::step,
    stats::step,
    directory::uses::step,
    notices::step,
    erase::step,
    view::forget,
    forget_keys,
    accounts::forget,
    retention::step,
];
const AGED: usize = 3;

/// One step of whichever kind has something to do.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    if step.memory.chores.wall_clock.meet(now) == Went::Back {
        step.memory.set_back();
    }
    let believed = step.memory.chores.wall_clock.is_believed();
    let first = step.memory.chores.turn;
    let mut left = Upkeep::Idle;
    for (place, chore) in CHORES
        .iter()
        .enumerate()
        .cycle()
        .skip(first)
        .take(CHORES.len())
        .filter(|(place, _)| believed || place + AGED < CHORES.len())
    {
        let done = chore(step, now);
        if !matches!(done, Ok(Upkeep::Idle | Upkeep::Waits)) {
            // Also after one that failed: it may fail again, and the others come first.
            step.memory.chores.turn = (place + 1) % CHORES.len();
        }
        match done? {
            Upkeep::More => return Ok(Upkeep::More),
            Upkeep::Waits => left = Upkeep::Waits,
            Upkeep::Idle => {}
        }
    }
    Ok(left)
}

/// Looks for what other nodes left: a chunk of what was leased to lives that ended, what is due of the next endpoints, and
/// fan-outs. Answers how many of the first there were.
pub(super) fn look_around(step: &mut Step<'_>) -> Result<usize, StoreError> {
    let now = step.now;
    step.memory.trust(step.database)?;
    let recovered = match step.database.end_dead_lives()? {
        true => recover::recover(step, now)?,
        false => 0,
    };
    if step
        .sql()
        .exists("SELECT 1 FROM fan_outs LIMIT 1", values![])?
    {
        step.leaves_fan_out();
    }
    let memory = &mut *step.memory;
    memory.chores.looks = memory.chores.looks.wrapping_add(1);
    if !memory.chores.looks.is_multiple_of(DUE_EVERY) {
        return Ok(recovered);
    }
    let (before, after) = (memory.due.next(), memory.chores.looked_to);
    let last = memory.due.look_around(step.database, after, LOOKED_AT)?;
    memory.chores.looked_to = last.unwrap_or(due::FIRST);
    if let Some(next) = memory.due.next()
        && before.is_none_or(|before| next < before)
    {
        step.after.wake_at(next);
    }
    Ok(recovered)
}

fn forget_keys(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let forgotten = step.sql().execute(
        "DELETE FROM idempotency_keys WHERE (organization_id, key) IN (
            SELECT organization_id, key FROM idempotency_keys INDEXED BY idempotency_keys_age
            WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2 /* lock */)",
        values![now.minus(IDEMPOTENCY_KEPT).as_micros(), FORGOTTEN_AT_ONCE],
    )?;
    Ok(match forgotten {
        0 => Upkeep::Idle,
        _ => Upkeep::More,
    })
}
