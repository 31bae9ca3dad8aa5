//! Organizations that keep their own events for another time than the server says: longer or shorter.
//!
//! An event is its owner's: the owner's time counts for it, its body, and everybody's deliveries of it. What each of them
//! removes is found in its list of events. While nobody keeps longer, the rest is removed as if there were none of them;
//! else the rest goes row by row, passing theirs by, and a partition is dropped when it is older than the longest time.
//!
//! Places are remembered, so that a round only looks at what became old enough since the one before.

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
use std::time::Duration;
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// Events that one step looks at.
const LOOKED_AT: i64 = 500;

/// Bodies and records: of each, something.
pub(super) type Two<T> = [T; 2];

/// Who keeps for a time of its own.
pub(super) struct Own {
    /// What holds for the rest.
    pub rule: Retention,
    /// For how long: bodies and records, by organization.
    kept: BTreeMap<i64, Two<Duration>>,
    /// The first event that anybody keeps bodies or records of.
    pub floor: Two<i64>,
    /// The first events that each of them keeps.
    first: BTreeMap<i64, Two<i64>>,
}

/// How far removing came.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Events before these are done, by organization.
    each: HashMap<i64, Two<i64>>,
    /// Events before these are done of the rest, beside those who keep longer.
    others: Two<i64>,
    /// Who they passed by then.
    passed_by: Vec<i64>,
}

/// As the database says now; deleted organizations keep theirs until their history is gone.
pub(super) fn read(step: &Step<'_>, now: Timestamp, rule: Retention) -> Result<Own, StoreError> {
    let days = |days: Option<u32>, otherwise: Duration| {
        days.map_or(otherwise, |days| {
            Duration::from_secs(u64::from(days) * 86_400)
        })
    };
    let rows = step.sql().all(
        "SELECT id, bodies_days, attempts_days FROM organizations INDEXED BY organizations_keeping
         WHERE bodies_days IS NOT NULL OR attempts_days IS NOT NULL",
        values![],
        |row| Ok((row.get::<i64>(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut own = Own {
        rule,
        kept: BTreeMap::new(),
        floor: [rule.bodies, rule.records].map(|kept| first_kept(now, kept)),
        first: BTreeMap::new(),
    };
    for (id, bodies, records) in rows {
        let records = days(records, rule.records);
        let kept = [days(bodies, rule.bodies).min(records), records];
        let first = kept.map(|kept| first_kept(now, kept));
        own.floor = [own.floor[0].min(first[0]), own.floor[1].min(first[1])];
        own.kept.insert(id, kept);
        own.first.insert(id, first);
    }
    Ok(own)
}

impl Own {
    /// Whether one of them keeps longer than the rest.
    pub(super) fn keeps_longer(&self) -> bool {
        let rest = [self.rule.bodies, self.rule.records];
        self.kept
            .values()
            .any(|kept| kept[0] > rest[0] || kept[1] > rest[1])
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

/// The next step of those who keep for a time of their own.
pub(super) fn each(step: &mut Step<'_>, own: &Own) -> Result<Upkeep, StoreError> {
    for (id, first) in &own.first {
        let done = step.memory.chores.retiring.own.each.get(id).copied();
        let mut done = done.unwrap_or([i64::MIN; 2]);
        for (kind, place) in done.iter_mut().enumerate() {
            let before = first.get(kind).copied().unwrap_or(i64::MIN);
            if *place >= before {
                continue;
            }
            let (next, upkeep) = part(step, *id, (*place, before), kind == 0)?;
            *place = next;
            if upkeep == Upkeep::More {
                step.memory.chores.retiring.own.each.insert(*id, done);
                return Ok(Upkeep::More);
            }
        }
        step.memory.chores.retiring.own.each.insert(*id, done);
    }
    Ok(Upkeep::Idle)
}

/// Bodies, or whole events, of an organization from one event to another; answers how far that came, and whether something
/// was removed.
fn part(
    step: &mut Step<'_>,
    id: i64,
    (from, before): (i64, i64),
    bodies: bool,
) -> Result<(i64, Upkeep), StoreError> {
    let events = step.sql().all(
        "SELECT event_id FROM events_listed WHERE organization_id = ?1 AND event_id >= ?2 AND event_id < ?3
         ORDER BY event_id LIMIT ?4",
        values![id, from, before, LOOKED_AT],
        |row| row.get::<i64>(0),
    )?;
    let Some(last) = events.last().copied() else {
        // What is not listed yet is looked for again in the next round.
        let done = match erase::is_listed(step.sql(), before)? {
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
    let passed_by: Vec<i64> = own.first.keys().copied().collect();
    let places = &mut step.memory.chores.retiring.own;
    if places.passed_by != passed_by {
        places.passed_by = passed_by;
        places.others = [i64::MIN; 2];
    }
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
    let mine = events.iter().filter(|(_, id)| !own.first.contains_key(id));
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
