//! Whether the wall clock can be believed: upkeep looks at it before everything else.
//!
//! A clock that goes back makes every look due at once ([`WallClock::meet`]): each of them was put off by a moment that may lie
//! far in the future. A clock that is far ahead of what the database saw last ([`AHEAD`]) removes nothing for being old until
//! the server has run so for [`PATIENCE`]: a clock that was set wrong is set right by then, and a server that was switched off
//! for a month goes on.
//!
//! Invariants: while the clock is not believed its time is not kept as seen, so that a new life of the process waits as long;
//! what the process saw itself is measured by the clock that only runs, so that one that is set cannot deceive it.

use super::super::database::{Sql, values};
use super::super::step::Step;
use crate::clock::{Clock, Monotonic};
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use std::time::Duration;
use tidings_core::time::Timestamp;

/// The clock is believed up to so far ahead of what was seen last.
const AHEAD: Duration = Duration::from_secs(2 * 86_400);
/// How long the server runs before it believes a clock that is further ahead.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// What was seen is written down so often.
const MARK_EVERY: Duration = Duration::from_secs(3_600);

/// What is known of the clock.
#[derive(Debug)]
pub(in super::super) struct WallClock {
    clock: Clock,
    /// The time of the last step.
    last: Timestamp,
    /// The last time that was believed, and when that was.
    believed: (Timestamp, Monotonic),
    /// Since when it is too far ahead.
    ahead_since: Option<Monotonic>,
    /// What stands in the database.
    marked: Timestamp,
}

/// What the clock did since the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// On.
    On,
    /// Back.
    Back,
}

impl WallClock {
    /// As the database saw it last: its mark, or the time of what is newest in it.
    ///
    /// # Errors
    /// The database failed.
    pub(in super::super) fn load(
        sql: &dyn Sql,
        newest: Option<Timestamp>,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let now = clock.now();
        let newest = newest.map_or(now, |newest| newest.min(now));
        sql.execute(
            "INSERT INTO meta (key, value) VALUES ('seen_at', ?1) ON CONFLICT (key) DO NOTHING",
            values![newest.as_micros()],
        )?;
        let marked: i64 = sql.get("SELECT value FROM meta WHERE key = 'seen_at'", values![])?;
        let marked = Timestamp::from_micros(marked);
        Ok(Self {
            clock: clock.clone(),
            last: now,
            believed: (marked, clock.monotonic()),
            ahead_since: None,
            marked,
        })
    }

    /// The time of the next step.
    pub(super) fn meet(&mut self, now: Timestamp) -> Went {
        let running = self.clock.monotonic();
        self.judge(now, running);
        let went = match now < self.last {
            true => Went::Back,
            false => Went::On,
        };
        self.last = now;
        went
    }

    /// Whether what is old by this clock is old.
    pub(super) const fn is_believed(&self) -> bool {
        self.ahead_since.is_none()
    }

    fn judge(&mut self, now: Timestamp, running: Monotonic) {
        let (seen, then) = self.believed;
        let ran = |since: Monotonic| Duration::from_micros(running.micros_since(since));
        let ahead = now.since(seen.plus(ran(then)));
        let waits = match (ahead > AHEAD, self.ahead_since) {
            (false, _) => false,
            (true, None) => true,
            (true, Some(since)) => ran(since) < PATIENCE,
        };
        match (waits, self.ahead_since) {
            (true, None) => {
                let days = ahead.as_secs() / 86_400;
                tracing::warn!(
                    days,
                    "the clock is far ahead of what the database saw last: nothing is removed for its age until the server has run for an hour; if the clock is wrong, set it right before"
                );
                self.ahead_since = Some(running);
            }
            (true, Some(_)) => {}
            (false, before) => {
                if before.is_some() {
                    tracing::info!("what was kept long enough by the clock is removed again");
                }
                self.ahead_since = None;
                self.believed = (now, running);
            }
        }
    }
}

/// Writes down what was seen, for the next life of the process.
pub(super) fn mark(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let wall_clock = &step.memory.chores.wall_clock;
    let fresh = now >= wall_clock.marked && now.since(wall_clock.marked) < MARK_EVERY;
    if fresh || !wall_clock.is_believed() {
        return Ok(Upkeep::Idle);
    }
    step.sql().execute(
        "UPDATE meta SET value = ?1 WHERE key = 'seen_at'",
        values![now.as_micros()],
    )?;
    // Should the commit fail, the mark is older by an hour: it is days that count.
    step.memory.chores.wall_clock.marked = now;
    Ok(Upkeep::Idle)
}
