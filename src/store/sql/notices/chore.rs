//! What upkeep makes of notes: the trouble of each endpoint goes on, and what is to be told is told, in one commit with the
//! notes' removal. One node at a time does it, whoever holds the row `notices` of `meta`.
//!
//! Invariants: a note is read once; rows stay only for endpoints that fail or that were told of within the hour.

use super::super::database::{Row, Sql, values};
use super::super::step::Step;
use super::tell::{self, subject};
use crate::store::StoreError;
use crate::store::directory::{Endpoint, Sending};
use crate::store::notices::NoticeRule;
use crate::store::queue::Upkeep;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::id::EndpointId;
use tidings_core::notice::{Matter, Notice, WAITING};
use tidings_core::outcome::Outcome;
use tidings_core::time::Timestamp;
use tidings_core::trouble::{AT_MOST_EVERY, Digest, Trouble};

/// Between two looks at the notes.
const LOOK: Duration = Duration::from_secs(1);
/// Notes read in one step, and endpoints looked at because of the time.
const NOTES: usize = 500;
const LOOKED_AT: usize = 100;

/// One step: the next notes, and the endpoints whose time has come.
pub(in super::super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let noting = &step.memory.notices;
    let Some(rule) = noting.rule.clone().filter(|_| now >= noting.next_look) else {
        return Ok(Upkeep::Idle);
    };
    let (sql, shared) = (step.sql(), !step.database.sets_aside());
    step.memory.notices.learn(sql, now, shared)?;
    step.memory.notices.next_look = now.plus(LOOK);
    let mine = sql.exists(
        "SELECT value FROM meta WHERE key = 'notices' LIMIT 1 /* claim */",
        values![],
    )?;
    if !mine {
        return Ok(Upkeep::Idle);
    }
    let notes = notes(step)?;
    let looked_at = due(sql, now)?;
    let more = notes.len() == NOTES || looked_at.len() == LOOKED_AT;
    let mut happened: BTreeMap<EndpointId, Option<Digest>> = BTreeMap::new();
    for endpoint in looked_at {
        happened.insert(endpoint, None);
    }
    let gathered = step.memory.notices.overdue(now);
    let noted = notes
        .into_iter()
        .map(|(_, endpoint, digest)| (endpoint, digest));
    for (endpoint, digest) in noted.chain(gathered) {
        let all = happened.entry(endpoint).or_default();
        *all = Some(all.unwrap_or_default().then(digest));
    }
    for (endpoint, digest) in happened {
        go_on(step, &rule, endpoint, digest)?;
    }
    Ok(if more {
        step.memory.notices.next_look = now;
        Upkeep::More
    } else {
        Upkeep::Idle
    })
}

/// Endpoints whose time has come. None is put off for longer than [`AT_MOST_EVERY`]: what is, was put off before the clock
/// was set back.
fn due(sql: &dyn Sql, now: Timestamp) -> Result<Vec<EndpointId>, StoreError> {
    let endpoint = |row: &dyn Row| Ok(EndpointId::from_raw(row.get(0)?));
    let mut due = sql.all(
        "SELECT endpoint_id FROM troubles WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2",
        values![now.as_micros(), LOOKED_AT],
        endpoint,
    )?;
    due.extend(sql.all(
        "SELECT endpoint_id FROM troubles WHERE look_at > ?1 ORDER BY look_at LIMIT ?2",
        values![now.plus(AT_MOST_EVERY).as_micros(), LOOKED_AT - due.len()],
        endpoint,
    )?);
    Ok(due)
}

/// Takes the next notes out of the table, in their order.
fn notes(step: &Step<'_>) -> Result<Vec<(i64, EndpointId, Digest)>, StoreError> {
    let mut notes = step.sql().all(
        "DELETE FROM trouble_notes WHERE id IN (SELECT id FROM trouble_notes ORDER BY id LIMIT ?1)
         RETURNING id, endpoint_id, succeeded_at, since, failed, exhausted, exhausted_before, last_at, last_outcome",
        values![NOTES],
        |row| {
            let digest = Digest {
                succeeded: moment(row, 2)?,
                since: moment(row, 3)?,
                failed: row.get(4)?,
                exhausted: row.get(5)?,
                exhausted_before: row.get(6)?,
                last: last(row, 7)?,
            };
            Ok((row.get(0)?, EndpointId::from_raw(row.get(1)?), digest))
        },
    )?;
    notes.sort_unstable_by_key(|(id, ..)| *id);
    Ok(notes)
}

/// An endpoint's trouble goes on: with what happened, or because time passed.
fn go_on(
    step: &mut Step<'_>,
    rule: &Arc<NoticeRule>,
    id: EndpointId,
    happened: Option<Digest>,
) -> Result<(), StoreError> {
    let now = step.now;
    let Some(endpoint) = step.tables.endpoint(id).cloned() else {
        step.memory.notices.forget(id);
        return forget(step, id);
    };
    let mut trouble = load(step, id)?;
    let turns = match happened {
        Some(digest) => trouble.meet(&as_it_counts(step, &endpoint, digest), now),
        None => trouble.wait(now).into_iter().collect(),
    };
    match trouble.is_over(now) {
        true => forget(step, id)?,
        false => save(step, id, &trouble)?,
    }
    for turn in turns {
        let notice = Notice {
            at: now,
            subject: subject(step, &endpoint),
            matter: Matter::Trouble(turn, waiting(step, id)?),
        };
        tell::tell(step, rule, &notice)?;
    }
    Ok(())
}

/// While an endpoint is off, what was in flight fails or not; that begins no outage.
fn as_it_counts(step: &Step<'_>, endpoint: &Endpoint, happened: Digest) -> Digest {
    match step.tables.sending(endpoint.id) {
        Some(Sending::Open) => happened,
        _ => Digest {
            since: None,
            failed: 0,
            ..happened
        },
    }
}

fn load(step: &Step<'_>, id: EndpointId) -> Result<Trouble, StoreError> {
    let found = step.sql().one(
        "SELECT since, failed, exhausted, last_at, last_outcome, told, failing_told_at, exhausted_told_at, untold
         FROM troubles WHERE endpoint_id = ?1 LIMIT 1 /* lock */",
        values![id.raw()],
        |row| {
            Ok(Trouble {
                since: moment(row, 0)?,
                failed: row.get(1)?,
                exhausted: row.get(2)?,
                last: last(row, 3)?,
                told: row.get(5)?,
                failing_told: moment(row, 6)?,
                exhausted_told: moment(row, 7)?,
                untold: row.get(8)?,
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}

fn save(step: &Step<'_>, id: EndpointId, trouble: &Trouble) -> Result<(), StoreError> {
    let (last_at, last) = trouble.last.unzip();
    let micros = |at: Option<Timestamp>| at.map(Timestamp::as_micros);
    step.sql().execute(
        "INSERT INTO troubles (endpoint_id, since, failed, exhausted, last_at, last_outcome, told, failing_told_at,
            exhausted_told_at, untold, look_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (endpoint_id) DO UPDATE SET since = excluded.since, failed = excluded.failed,
            exhausted = excluded.exhausted, last_at = excluded.last_at, last_outcome = excluded.last_outcome,
            told = excluded.told, failing_told_at = excluded.failing_told_at,
            exhausted_told_at = excluded.exhausted_told_at, untold = excluded.untold, look_at = excluded.look_at",
        values![
            id.raw(),
            micros(trouble.since),
            trouble.failed,
            trouble.exhausted,
            micros(last_at),
            last.map(|outcome| outcome.code()),
            trouble.told,
            micros(trouble.failing_told),
            micros(trouble.exhausted_told),
            trouble.untold,
            micros(trouble.look_at()),
        ],
    )?;
    Ok(())
}

fn forget(step: &Step<'_>, id: EndpointId) -> Result<(), StoreError> {
    step.sql().execute(
        "DELETE FROM troubles WHERE endpoint_id = ?1",
        values![id.raw()],
    )?;
    Ok(())
}

/// Deliveries that wait in the store for an endpoint, counted up to a limit.
fn waiting(step: &Step<'_>, id: EndpointId) -> Result<usize, StoreError> {
    let due: i64 = step.sql().get(
        "SELECT count(*) FROM (SELECT 1 AS one FROM deliveries INDEXED BY deliveries_due
            WHERE state = 0 AND endpoint_id = ?1 LIMIT ?2) AS due",
        values![id.raw(), WAITING],
    )?;
    let aside = step.memory.aside.of(id).take(WAITING).count();
    Ok(usize::try_from(due)
        .unwrap_or_default()
        .saturating_add(aside)
        .min(WAITING))
}

fn moment(row: &dyn Row, column: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.get::<Option<i64>>(column)?.map(Timestamp::from_micros))
}

/// A moment and, in the column after it, an outcome.
fn last(row: &dyn Row, column: usize) -> Result<Option<(Timestamp, Outcome)>, StoreError> {
    let outcome = row.get::<Option<u16>>(column + 1)?;
    let outcome = outcome.and_then(Outcome::from_code);
    Ok(moment(row, column)?.zip(outcome))
}
