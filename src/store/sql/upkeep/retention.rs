//! Removing what was kept long enough: bodies first, then events with their deliveries, attempts and lists. Organizations may
//! keep theirs for longer or shorter than the server says ([`own`]).
//!
//! Invariants: nothing in flight is removed; a body is never kept longer than its event's records. What waits without a
//! body is cancelled (`expired`): here ([`expire`]), or by whoever claims it before. Small steps, oldest first, whole hours at a time, by one node at a
//! time. A database with partitions drops them whole instead of removing rows; only their lists go row by row.

mod expire;
mod own;

use super::super::database::values;
use super::super::step::Step;
use super::super::{audit, erase};
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use crate::store::retention::Retention;
use own::Own;
use std::time::Duration;
use tidings_core::id::EventId;
use tidings_core::stats::bucket_of;
use tidings_core::time::Timestamp;

/// Between two looks for something to remove.
const LOOK: Duration = Duration::from_secs(60);
/// What is removed goes in such pieces of time, so that there is something to do only now and then.
const PIECE_SECONDS: i64 = 3_600;
/// Rows of one step.
const CHUNK: i64 = 500;
/// Subjects whose old counts are removed in one step, and how long after a round the next one begins.
const SUBJECTS: i64 = 50;
const COUNTS: Duration = Duration::from_secs(6 * 3_600);

/// Where removing stands.
#[derive(Debug)]
pub(in super::super) struct Retiring {
    /// Nothing is removed without one.
    pub rule: Option<Retention>,
    next_look: Timestamp,
    /// Deliveries up to this one (event, endpoint) have left the lists.
    deliveries_to: (i64, i64),
    /// Events up to this one have.
    events_to: i64,
    /// How far those are who keep for a time of their own, and the rest beside them.
    own: own::Places,
    /// The subject after which old counts are looked for next, and when a round of that begins.
    counts_after: i64,
    next_counts: Timestamp,
    /// Places in the lists as of the last commit.
    lists_before: ((i64, i64), i64),
    /// How far what waits without a body was put to rest, and how far as of the last commit.
    expiring: expire::Pass,
    expiring_before: expire::Pass,
}

impl Default for Retiring {
    fn default() -> Self {
        Self {
            rule: None,
            next_look: Timestamp::default(),
            deliveries_to: (0, 0),
            events_to: 0,
            own: own::Places::default(),
            counts_after: i64::MIN,
            next_counts: Timestamp::default(),
            lists_before: ((0, 0), 0),
            expiring: expire::Pass::default(),
            expiring_before: expire::Pass::default(),
        }
    }
}

impl Retiring {
    /// From the beginning again: a round is over.
    const fn start_over(&mut self) {
        self.deliveries_to = (0, 0);
        self.events_to = 0;
        self.own.start_over();
    }

    /// The next look is now.
    pub(super) fn look_at_once(&mut self) {
        self.next_look = Timestamp::default();
        self.next_counts = Timestamp::default();
    }

    /// A step begins: the one before is on disk, or was undone.
    fn begin(&mut self) {
        self.lists_before = (self.deliveries_to, self.events_to);
        self.expiring_before = self.expiring;
        self.own.begin();
    }

    /// What the last step removed may be there again: its transaction was undone.
    pub(super) fn doubt(&mut self) {
        (self.deliveries_to, self.events_to) = self.lists_before;
        self.expiring = self.expiring_before;
        self.own.undo();
    }
}

/// The first event that is kept, in whole pieces of time.
fn first_kept(now: Timestamp, kept: Duration) -> i64 {
    let oldest = now.minus(kept).as_seconds().div_euclid(PIECE_SECONDS) * PIECE_SECONDS;
    EventId::first_at(Timestamp::from_millis(oldest.saturating_mul(1_000))).raw()
}

/// One step.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let retiring = &mut step.memory.chores.retiring;
    retiring.begin();
    let Some(rule) = retiring.rule.filter(|_| now >= retiring.next_look) else {
        return Ok(Upkeep::Idle);
    };
    let database = step.database;
    let done = match database.removes_alone()? {
        true => {
            let kept = [rule.bodies, rule.records].map(|kept| first_kept(now, kept));
            let [bodies, records] = kept.map(|before| database.removable(before));
            let removed = remove(step, now, (bodies, records), rule);
            if removed.is_err() {
                // It may fail again at once, as where a reader holds what is old: not before the next look.
                step.memory.chores.retiring.next_look = now.plus(LOOK);
            }
            removed?
        }
        false => Upkeep::Idle,
    };
    if done == Upkeep::Idle {
        let retiring = &mut step.memory.chores.retiring;
        retiring.start_over();
        retiring.next_look = now.plus(LOOK);
    }
    Ok(done)
}

fn remove(
    step: &mut Step<'_>,
    now: Timestamp,
    (bodies, records): (i64, i64),
    rule: Retention,
) -> Result<Upkeep, StoreError> {
    let database = step.database;
    if audit::retire(step, rule.audit)? == Upkeep::More {
        return Ok(Upkeep::More);
    }
    let own = own::read(step, rule)?;
    let bodiless = first_kept(now, own.shortest);
    if own.keeps_longer() {
        // Some keep longer than the rest: rows go one by one, and partitions when nobody keeps anything of them.
        let floor = own.longest;
        let floor = floor.map(|kept| database.removable(first_kept(now, kept)));
        let kept = [rule.bodies, rule.records].map(|kept| first_kept(now, kept));
        if own::others(step, &own, kept)? == Upkeep::More
            || own::each(step, &own, now)? == Upkeep::More
        {
            return Ok(Upkeep::More);
        }
        if !database.removes_rows() && database.remove_bodies(floor[0], CHUNK)? == Upkeep::More {
            return Ok(Upkeep::More);
        }
        if expire::step(step, bodiless)? == Upkeep::More {
            return Ok(Upkeep::More);
        }
        if !database.removes_rows()
            && !own::in_flight_before(step, floor[1])?
            && database.remove_records(floor[1])? == Upkeep::More
        {
            return Ok(Upkeep::More);
        }
        return counts(step, now, &own);
    }
    if database.remove_bodies(bodies, CHUNK)? == Upkeep::More {
        return Ok(Upkeep::More);
    }
    if own::each(step, &own, now)? == Upkeep::More || expire::step(step, bodiless)? == Upkeep::More
    {
        return Ok(Upkeep::More);
    }
    if own::in_flight_before(step, records)? {
        return Ok(Upkeep::Idle);
    }
    if deliveries(step, records)? == Upkeep::More || events(step, records)? == Upkeep::More {
        return Ok(Upkeep::More);
    }
    if database.remove_records(records)? == Upkeep::More {
        return Ok(Upkeep::More);
    }
    counts(step, now, &own)
}

/// The next deliveries leave their lists, and go with their attempts where rows are removed.
fn deliveries(step: &mut Step<'_>, before: i64) -> Result<Upkeep, StoreError> {
    let (sql, rows) = (step.sql(), step.database.removes_rows());
    let (event, endpoint) = step.memory.chores.retiring.deliveries_to;
    let found = sql.all(
        "SELECT event_id, endpoint_id FROM deliveries
         WHERE (event_id, endpoint_id) > (?1, ?2) AND event_id < ?3 ORDER BY event_id, endpoint_id LIMIT ?4",
        values![event, endpoint, before, CHUNK],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
    )?;
    let Some(last) = found.last().copied() else {
        return Ok(Upkeep::Idle);
    };
    sql.execute(
        "DELETE FROM deliveries_listed WHERE (endpoint_id, event_id) IN (
            SELECT endpoint_id, event_id FROM deliveries
            WHERE (event_id, endpoint_id) > (?1, ?2) AND (event_id, endpoint_id) <= (?3, ?4))",
        values![event, endpoint, last.0, last.1],
    )?;
    if rows {
        for statement in [
            "DELETE FROM attempts WHERE (event_id, endpoint_id) > (?1, ?2) AND (event_id, endpoint_id) <= (?3, ?4)",
            "DELETE FROM deliveries WHERE (event_id, endpoint_id) > (?1, ?2) AND (event_id, endpoint_id) <= (?3, ?4)",
        ] {
            sql.execute(statement, values![event, endpoint, last.0, last.1])?;
        }
    }
    step.memory.chores.retiring.deliveries_to = last;
    Ok(Upkeep::More)
}

/// The next events leave their lists, and go where rows are removed. Their deliveries went before.
fn events(step: &mut Step<'_>, before: i64) -> Result<Upkeep, StoreError> {
    let (sql, rows) = (step.sql(), step.database.removes_rows());
    let after = step.memory.chores.retiring.events_to;
    let last: i64 = sql.get(
        "SELECT coalesce(max(id), 0) FROM (
            SELECT id FROM events WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3) AS oldest",
        values![after, before, CHUNK],
    )?;
    if last == 0 {
        return Ok(Upkeep::Idle);
    }
    for statement in [
        "DELETE FROM events_listed WHERE (organization_id, event_id) IN (
            SELECT organization_id, id FROM events WHERE id > ?1 AND id <= ?2)",
        "DELETE FROM references_listed WHERE (organization_id, reference, event_id) IN (
            SELECT organization_id, reference, id FROM events WHERE id > ?1 AND id <= ?2 AND reference IS NOT NULL)",
        "DELETE FROM fan_outs WHERE event_id > ?1 AND event_id <= ?2",
    ] {
        sql.execute(statement, values![after, last])?;
    }
    if rows {
        sql.execute(
            "DELETE FROM events WHERE id > ?1 AND id <= ?2",
            values![after, last],
        )?;
    }
    step.memory.chores.retiring.events_to = last;
    Ok(Upkeep::More)
}

/// Counts of what is gone: subject by subject, since that is how they lie.
fn counts(step: &mut Step<'_>, now: Timestamp, own: &Own) -> Result<Upkeep, StoreError> {
    let sql = step.sql();
    if now >= step.memory.chores.retiring.next_counts {
        erase::forget(step, now.minus(own.rule.audit))?;
    }
    let tables = step.tables;
    let retiring = &mut step.memory.chores.retiring;
    if now < retiring.next_counts {
        return Ok(Upkeep::Idle);
    }
    for _ in 0..SUBJECTS {
        let subject: Option<i64> = sql.get(
            "SELECT min(subject) FROM stats WHERE subject > ?1",
            values![retiring.counts_after],
        )?;
        let Some(subject) = subject else {
            retiring.counts_after = i64::MIN;
            retiring.next_counts = now.plus(COUNTS);
            return Ok(Upkeep::Idle);
        };
        sql.execute(
            "DELETE FROM stats WHERE subject = ?1 AND bucket < ?2",
            values![
                subject,
                bucket_of(now.minus(own.counts_of(subject, tables)))
            ],
        )?;
        retiring.counts_after = subject;
    }
    Ok(Upkeep::More)
}
