//! Organizations that keep their own events for another time than the server says: longer or shorter.
//!
//! An event is its owner's: the owner's time counts for it, its body, and everybody's deliveries of it. What each of them
//! removes is found in its list of events. While nobody keeps longer, the rest is removed as if there were none of them;
//! else the rest goes row by row, passing theirs by, and a partition is dropped when it is older than the longest time.
//!
//! Places are remembered, so that a round only looks at what became old enough since the one before. There may be many
//! thousands of them: who they are is read when that changed, and a step asks for the events of at most [`ASKED_FOR`].

use super::super::super::database::values;
use super::super::super::erase;
use super::super::super::purge::{self, Budget, Purged};
use super::super::super::step::Step;
use super::super::super::tables::Tables;
use super::{CHUNK, first_kept};
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use crate::store::retention::Retention;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// Events that one step looks at.
const LOOKED_AT: i64 = 500;
/// Times that one step asks for somebody's events; twice for most of them, once an hour.
const ASKED_FOR: usize = 200;

/// Bodies and records: of each, something.
pub(super) type Two<T> = [T; 2];

/// Who keeps for a time of its own.
#[derive(Debug)]
pub(super) struct Own {
    /// What holds for the rest.
    pub rule: Retention,
    /// For how long: bodies and records, by organization.
    kept: BTreeMap<i64, Two<Duration>>,
    /// For how long anybody keeps bodies and records.
    pub longest: Two<Duration>,
    /// For how long whoever keeps bodies for the shortest time does.
    pub shortest: Duration,
    /// What the directory was like when this was read.
    keeping: u64,
}

/// How far removing came.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Who they are.
    known: Option<Arc<Own>>,
    /// Events before these are done, by organization.
    each: HashMap<i64, Two<i64>>,
    /// Events before these are done of the rest, beside those who keep longer.
    others: Two<i64>,
    /// Whose turn is next in this round: who comes after this one.
    after: Option<i64>,
    /// Everybody had a turn in this round.
    all_done: bool,
    /// What a rollback of this step brings back.
    before: Before,
}

/// Places as of the last commit, where this step changed them.
#[derive(Debug, Default)]
struct Before {
    each: Vec<(i64, Option<Two<i64>>)>,
    others: Two<i64>,
}

impl Places {
    /// A step begins: the one before is on disk, or was undone.
    pub(super) fn begin(&mut self) {
        self.before.each.clear();
        self.before.others = self.others;
    }

    /// The next round begins with the first of them.
    pub(super) const fn start_over(&mut self) {
        self.after = None;
        self.all_done = false;
    }

    /// The step was undone. What was done before it stays done: who loses a step must not lose all of them.
    pub(super) fn undo(&mut self) {
        for (id, place) in self.before.each.drain(..).rev() {
            match place {
                Some(place) => self.each.insert(id, place),
                None => self.each.remove(&id),
            };
        }
        self.others = self.before.others;
        self.start_over();
    }

    fn note(&mut self, id: i64, places: Two<i64>) {
        let before = self.each.insert(id, places);
        self.before.each.push((id, before));
    }

    /// Takes in who they are now. The rest is begun again when they are others than before: what was passed by may be left.
    fn know(&mut self, own: &Arc<Own>) {
        let same = self
            .known
            .as_ref()
            .is_some_and(|known| known.kept.keys().eq(own.kept.keys()));
        if !same {
            self.others = [i64::MIN; 2];
            self.each.retain(|id, _| own.kept.contains_key(id));
        }
        self.known = Some(Arc::clone(own));
        self.start_over();
    }
}

/// As the database says now; deleted organizations keep theirs until their history is gone.
pub(super) fn read(step: &mut Step<'_>, rule: Retention) -> Result<Arc<Own>, StoreError> {
    let keeping = step.tables.keeping();
    let places = &mut step.memory.chores.retiring.own;
    if let Some(known) = &places.known
        && known.keeping == keeping
        && known.rule == rule
    {
        return Ok(Arc::clone(known));
    }
    let days = |days: Option<u32>, otherwise: Duration| {
        days.map_or(otherwise, |days| {
            Duration::from_secs(u64::from(days) * 86_400)
        })
    };
    let rows = step.database.sql().all(
        "SELECT id, bodies_days, attempts_days FROM organizations INDEXED BY organizations_keeping
         WHERE bodies_days IS NOT NULL OR attempts_days IS NOT NULL",
        values![],
        |row| Ok((row.get::<i64>(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut own = Own {
        rule,
        kept: BTreeMap::new(),
        longest: [rule.bodies, rule.records],
        shortest: rule.bodies,
        keeping,
    };
    for (id, bodies, records) in rows {
        let records = days(records, rule.records);
        let bodies = days(bodies, rule.bodies).min(records);
        own.longest = [own.longest[0].max(bodies), own.longest[1].max(records)];
        own.shortest = own.shortest.min(bodies);
        own.kept.insert(id, [bodies, records]);
    }
    let own = Arc::new(own);
    places.know(&own);
    Ok(own)
}

impl Own {
    /// Whether one of them keeps longer than the rest.
    pub(super) fn keeps_longer(&self) -> bool {
        self.longest != [self.rule.bodies, self.rule.records]
    }

    /// For how long counts of a subject are kept: an endpoint's, an organization's, everybody's.
    pub(super) fn counts_of(&self, subject: i64, tables: &Tables) -> Duration {
        let owner = match subject {
            ..0 => Some(subject.saturating_neg()),
            0 => None,
            _ => tables
                .endpoint(EndpointId::from_raw(subject))
                .map(|endpoint| endpoint.organization.get()),
        };
        let kept = owner.and_then(|owner| self.kept.get(&owner));
        kept.map_or(self.rule.records, |kept| kept[1].max(self.rule.records))
    }
}

/// Whether something before this event is in flight.
pub(super) fn in_flight_before(step: &Step<'_>, event: i64) -> Result<bool, StoreError> {
    step.sql().exists(
        "SELECT 1 FROM deliveries INDEXED BY deliveries_in_flight
         WHERE state = 1 AND event_id < ?1 AND epoch <> 0 LIMIT 1",
        values![event],
    )
}

/// The next step of those who keep for a time of their own: from whoever is next, until something is removed or enough was
/// asked for.
pub(super) fn each(step: &mut Step<'_>, own: &Own, now: Timestamp) -> Result<Upkeep, StoreError> {
    let places = &step.memory.chores.retiring.own;
    if places.all_done {
        return Ok(Upkeep::Idle);
    }
    let from = places.after.map_or(Bound::Unbounded, Bound::Excluded);
    let (mut asked_for, mut listed) = (0, Listed(i64::MIN));
    for (id, kept) in own.kept.range((from, Bound::Unbounded)) {
        if asked_for >= ASKED_FOR {
            return Ok(Upkeep::More);
        }
        let places = &step.memory.chores.retiring.own;
        let before = places.each.get(id).copied();
        let mut done = before.unwrap_or([i64::MIN; 2]);
        let mut upkeep = Upkeep::Idle;
        for (kind, place) in done.iter_mut().enumerate() {
            let first = kept
                .get(kind)
                .map_or(i64::MIN, |kept| first_kept(now, *kept));
            if *place < first && upkeep == Upkeep::Idle {
                asked_for += 1;
                (*place, upkeep) = part(step, *id, (*place, first), (kind == 0, &mut listed))?;
            }
        }
        let places = &mut step.memory.chores.retiring.own;
        if before != Some(done) {
            places.note(*id, done);
        }
        if upkeep == Upkeep::More {
            return Ok(Upkeep::More);
        }
        places.after = Some(*id);
    }
    step.memory.chores.retiring.own.all_done = true;
    Ok(Upkeep::Idle)
}

/// The event up to which the lists are known to hold everything, in one step: asked once, not for each of them.
struct Listed(i64);

impl Listed {
    fn reach(&mut self, step: &Step<'_>, event: i64) -> Result<bool, StoreError> {
        if event > self.0 && erase::is_listed(step.sql(), event)? {
            self.0 = event;
        }
        Ok(event <= self.0)
    }
}

/// Bodies, or whole events, of an organization from one event to another; answers how far that came, and whether something
/// was removed.
fn part(
    step: &mut Step<'_>,
    id: i64,
    (from, before): (i64, i64),
    (bodies, listed): (bool, &mut Listed),
) -> Result<(i64, Upkeep), StoreError> {
    let events = step.sql().all(
        "SELECT event_id FROM events_listed WHERE organization_id = ?1 AND event_id >= ?2 AND event_id < ?3
         ORDER BY event_id LIMIT ?4",
        values![id, from, before, LOOKED_AT],
        |row| row.get::<i64>(0),
    )?;
    let Some(last) = events.last().copied() else {
        // What is not listed yet is looked for again in the next round.
        let done = match listed.reach(step, before)? {
            true => before,
            false => from,
        };
        return Ok((done, Upkeep::Idle));
    };
    if bodies {
        step.sql().execute(
            "DELETE FROM bodies WHERE event_id IN (
                SELECT event_id FROM events_listed WHERE organization_id = ?1 AND event_id >= ?2 AND event_id <= ?3)",
            values![id, from, last],
        )?;
        return Ok((last.saturating_add(1), Upkeep::More));
    }
    purged(step, from, &events)
}

/// Removes these events, in their order, as far as one step may.
fn purged(step: &mut Step<'_>, from: i64, events: &[i64]) -> Result<(i64, Upkeep), StoreError> {
    let (mut budget, mut next) = (Budget::default(), from);
    for event in events {
        match purge::event(step, *event, &mut budget)? {
            Purged::All => next = event.saturating_add(1),
            Purged::Part => return Ok((next, Upkeep::More)),
            // It is looked at again in the next round.
            Purged::InFlight => {
                let upkeep = match budget.removed {
                    0 => Upkeep::Idle,
                    _ => Upkeep::More,
                };
                return Ok((next, upkeep));
            }
        }
        if budget.is_spent() {
            break;
        }
    }
    Ok((next, Upkeep::More))
}

/// The next step of the rest, which passes by whoever keeps for a time of its own.
pub(super) fn others(
    step: &mut Step<'_>,
    own: &Own,
    first: Two<i64>,
) -> Result<Upkeep, StoreError> {
    for (kind, before) in first.into_iter().enumerate() {
        let from = step.memory.chores.retiring.own.others;
        let from = from.get(kind).copied().unwrap_or(i64::MAX);
        if from >= before {
            continue;
        }
        let (next, upkeep) = rest(step, own, (from, before), kind == 0)?;
        if let Some(place) = step.memory.chores.retiring.own.others.get_mut(kind) {
            *place = next;
        }
        if upkeep == Upkeep::More {
            return Ok(Upkeep::More);
        }
    }
    Ok(Upkeep::Idle)
}

fn rest(
    step: &mut Step<'_>,
    own: &Own,
    (from, before): (i64, i64),
    bodies: bool,
) -> Result<(i64, Upkeep), StoreError> {
    let events = step.sql().all(
        "SELECT id, organization_id FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
        values![from, before, LOOKED_AT],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
    )?;
    let Some((last, _)) = events.last().copied() else {
        return Ok((before, Upkeep::Idle));
    };
    let mine = events.iter().filter(|(_, id)| !own.kept.contains_key(id));
    let mine: Vec<i64> = mine.map(|(event, _)| *event).collect();
    if bodies {
        for event in mine {
            step.sql()
                .execute("DELETE FROM bodies WHERE event_id = ?1", values![event])?;
        }
        return Ok((last.saturating_add(1), Upkeep::More));
    }
    let (next, upkeep) = purged(step, from, &mine)?;
    let all = mine.last().is_none_or(|newest| next > *newest);
    Ok((if all { last.saturating_add(1) } else { next }, upkeep))
}

const _: () = assert!(
    CHUNK == LOOKED_AT,
    "a step is as large as any other of retention"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_costs_one_step_and_not_the_round() {
        let mut places = Places::default();
        places.begin();
        places.note(1, [10; 2]);
        places.others = [5; 2];
        // That is on disk; the next step is not.
        places.begin();
        places.note(1, [20; 2]);
        places.note(2, [20; 2]);
        places.note(2, [30; 2]);
        (places.others, places.after) = ([6; 2], Some(2));
        for _ in 0..2 {
            places.undo();
            assert_eq!(places.each, HashMap::from([(1, [10; 2])]));
            assert_eq!((places.others, places.after), ([5; 2], None));
        }
    }
}
