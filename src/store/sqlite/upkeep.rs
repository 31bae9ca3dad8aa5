//! What is done between accepts, claims and results, in small steps: cancelling in bulk, replays, lists and
//! the index of due rows, which are written late, forgotten idempotency keys.
//!
//! The kinds take turns, so that none of them waits for the end of another.

mod listing;
mod replay;
mod sweep;

pub(super) use listing::{note_delivery, note_event};

use super::aside;
use super::step::Step;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use listing::Listing;
use rusqlite::{Connection, params};
use tidings_core::limits::IDEMPOTENCY_KEPT;
use tidings_core::time::Timestamp;

/// Idempotency keys forgotten in one step.
const FORGOTTEN_AT_ONCE: i64 = 500;

/// Where upkeep stands; what is lost of it is found again in the database.
#[derive(Debug)]
pub(super) struct Chores {
    /// The kind whose turn it is.
    turn: usize,
    /// The lists.
    listing: Listing,
    /// The replay that made the last step.
    last_replay: i64,
}

impl Chores {
    /// As the database says.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        Ok(Self {
            turn: 0,
            listing: Listing::load(connection)?,
            last_replay: 0,
        })
    }

    /// A transaction was rolled back.
    pub(super) fn doubt(&mut self) {
        self.listing.start_over();
    }
}

type Chore = fn(&mut Step<'_, '_>, Timestamp) -> Result<Upkeep, StoreError>;

const CHORES: [Chore; 5] = [
    sweep::step,
    aside::step,
    listing::step,
    replay::step,
    forget_keys,
];

/// One step of whichever kind has something to do.
pub(super) fn step(step: &mut Step<'_, '_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let first = step.memory.chores.turn;
    for (place, chore) in CHORES
        .iter()
        .enumerate()
        .cycle()
        .skip(first)
        .take(CHORES.len())
    {
        if chore(step, now)? == Upkeep::More {
            step.memory.chores.turn = (place + 1) % CHORES.len();
            return Ok(Upkeep::More);
        }
    }
    Ok(Upkeep::Idle)
}

fn forget_keys(step: &mut Step<'_, '_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let forgotten = step
        .connection()
        .prepare_cached(
            "DELETE FROM idempotency_keys WHERE (organization_id, key) IN (
                SELECT organization_id, key FROM idempotency_keys INDEXED BY idempotency_keys_age
                WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2)",
        )?
        .execute(params![
            now.minus(IDEMPOTENCY_KEPT).as_micros(),
            FORGOTTEN_AT_ONCE
        ])?;
    Ok(match forgotten {
        0 => Upkeep::Idle,
        _ => Upkeep::More,
    })
}
