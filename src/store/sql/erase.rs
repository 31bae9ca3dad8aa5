//! Erasures: begun in one commit, finished in small steps of upkeep, each a commit with how many rows went.
//!
//! Invariants: a step is the same however often it is begun, so a crash costs nothing; erasures take turns; what waits for
//! something in flight, or for the lists, is looked at again a second later.

mod event;
mod organization;
mod withheld;

pub(super) use withheld::Withheld;

use super::SqlStore;
use super::database::{Row, Sql, values};
use super::purge::Budget;
use super::step::Step;
use crate::store::erasure::{Erasing, Erasure};
use crate::store::queue::Upkeep;
use crate::store::{Actor, StoreError};
use async_trait::async_trait;
use std::time::Duration;
use tidings_core::id::{ErasureId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// Between two looks at what has to wait.
const WAIT: Duration = Duration::from_secs(1);
/// Between two looks for what other nodes began.
const LOOK: Duration = Duration::from_secs(60);

/// Where erasing stands.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The erasure that made the last step.
    last: i64,
    /// Nothing is looked for before this moment.
    next_look: Timestamp,
    /// Whether one of this round moved on.
    moved: bool,
    /// One of this round waits.
    waits: bool,
    /// One of the round before waits.
    waited: bool,
}

impl Turns {
    /// What waits is looked at again now.
    pub(super) fn look_at_once(&mut self) {
        self.next_look = Timestamp::default();
    }
}

/// An erasure that goes on.
#[derive(Debug)]
struct Running {
    id: i64,
    organization: i64,
    event: Option<i64>,
    up_to_event: i64,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stepped {
    /// There is more.
    More,
    /// It has to wait.
    Waits,
    /// That was all.
    Ended,
}

const COLUMNS: &str = "SELECT id, organization_id, event_id, removed, created_at, ended_at FROM erasures WHERE id = ?1";
const OF_EVENT: &str =
    "SELECT id, organization_id, event_id, removed, created_at, ended_at FROM erasures
    WHERE organization_id = ?1 AND event_id = ?2 ORDER BY id DESC LIMIT 1";
const OF_ORGANIZATION: &str =
    "SELECT id, organization_id, event_id, removed, created_at, ended_at FROM erasures
    WHERE organization_id = ?1 AND event_id IS NULL AND ended_at IS NULL LIMIT 1";

fn read(row: &dyn Row) -> Result<Erasure, StoreError> {
    Ok(Erasure {
        id: ErasureId::from_raw(row.get(0)?),
        organization: row.get(1)?,
        event: row.get::<Option<i64>>(2)?.map(EventId::from_raw),
        removed: row.get::<i64>(3)?.unsigned_abs(),
        created_at: Timestamp::from_micros(row.get(4)?),
        ended_at: row.get::<Option<i64>>(5)?.map(Timestamp::from_micros),
    })
}

/// What was begun before this life of the node; nothing is in memory yet.
pub(super) fn withheld(sql: &dyn Sql) -> Result<Withheld, StoreError> {
    let withheld = Withheld::default();
    if sql.exists("SELECT 1 FROM erasures WHERE ended_at IS NULL", values![])? {
        withheld.add([]);
    }
    Ok(withheld)
}

/// Whether everything of an organization is being erased.
pub(super) fn is_running(sql: &dyn Sql, id: OrganizationId) -> Result<bool, StoreError> {
    sql.exists(OF_ORGANIZATION, values![id.get()])
}

/// Begins one.
fn begin(
    step: &mut Step<'_>,
    organization: OrganizationId,
    event: Option<EventId>,
) -> Result<Erasure, StoreError> {
    let erasure = Erasure {
        id: ErasureId::from_raw(step.next_id()),
        organization,
        event,
        removed: 0,
        created_at: step.now,
        ended_at: None,
    };
    let newest: i64 = step
        .sql()
        .get("SELECT coalesce(max(id), 0) FROM events", values![])?;
    step.sql().execute(
        "INSERT INTO erasures (id, organization_id, event_id, up_to_event, removed, created_at)
         VALUES (?1, ?2, ?3, ?4, 0, ?5)",
        values![
            erasure.id.raw(),
            organization.get(),
            event.map(EventId::raw),
            newest,
            step.now.as_micros(),
        ],
    )?;
    step.memory.chores.erasing = Turns::default();
    step.leaves_upkeep();
    Ok(erasure)
}

/// One step of the next erasure that can move on.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let erasing = &step.memory.chores.erasing;
    if now < erasing.next_look {
        return Ok(match erasing.waited {
            true => Upkeep::Waits,
            false => Upkeep::Idle,
        });
    }
    let last = step.memory.chores.erasing.last;
    let Some(running) = next(step, last)? else {
        let turns = &mut step.memory.chores.erasing;
        let again = match (turns.moved, turns.waits) {
            (true, _) => Upkeep::More,
            (false, true) => Upkeep::Waits,
            (false, false) => Upkeep::Idle,
        };
        *turns = Turns {
            waited: again == Upkeep::Waits,
            next_look: match again {
                Upkeep::More => now,
                Upkeep::Waits => now.plus(WAIT),
                Upkeep::Idle => now.plus(LOOK),
            },
            ..Turns::default()
        };
        if again == Upkeep::Idle {
            step.memory.withheld.clear();
        }
        return Ok(again);
    };
    step.memory.chores.erasing.last = running.id;
    let mut budget = Budget::default();
    let stepped = match running.event {
        Some(id) => event::step(step, id, &mut budget)?,
        None => organization::step(step, &running, &mut budget)?,
    };
    let ended = (stepped == Stepped::Ended).then(|| now.as_micros());
    step.sql().execute(
        "UPDATE erasures SET removed = removed + ?1, ended_at = ?2 WHERE id = ?3",
        values![budget.removed, ended, running.id],
    )?;
    if stepped == Stepped::Ended {
        // What was there is gone from the database; the log beside it still has it.
        step.database.scrub();
    }
    let turns = &mut step.memory.chores.erasing;
    turns.moved |= stepped == Stepped::More;
    turns.waits |= stepped == Stepped::Waits;
    Ok(Upkeep::More)
}

fn next(step: &Step<'_>, after: i64) -> Result<Option<Running>, StoreError> {
    step.sql().one(
        "SELECT id, organization_id, event_id, up_to_event FROM erasures INDEXED BY erasures_running
         WHERE ended_at IS NULL AND id > ?1 ORDER BY id LIMIT 1 /* claim */",
        values![after],
        |row| {
            Ok(Running {
                id: row.get(0)?,
                organization: row.get(1)?,
                event: row.get(2)?,
                up_to_event: row.get(3)?,
            })
        },
    )
}

/// Whether the lists hold everything up to an event.
pub(super) fn is_listed(sql: &dyn Sql, event: i64) -> Result<bool, StoreError> {
    let listed_to: Option<i64> = sql.one(
        "SELECT value FROM meta WHERE key = 'listed_to'",
        values![],
        |row| row.get(0),
    )?;
    let missing = sql.exists(
        "SELECT 1 FROM events WHERE id > ?1 AND id <= ?2 LIMIT 1",
        values![listed_to.unwrap_or(0), event],
    )?;
    Ok(!missing)
}

/// Removes what was said of erasures that ended long ago.
pub(super) fn forget(step: &Step<'_>, ended_before: Timestamp) -> Result<(), StoreError> {
    step.sql().execute(
        "DELETE FROM erasures WHERE id IN (SELECT id FROM erasures WHERE ended_at < ?1 LIMIT 500)",
        values![ended_before.as_micros()],
    )?;
    Ok(())
}

#[async_trait]
impl Erasing for SqlStore {
    async fn erase_event(&self, id: EventId, actor: Actor) -> Result<Option<Erasure>, StoreError> {
        let begun = self
            .alone(move |step| event::begin(step, id, &actor))
            .await?;
        if begun
            .as_ref()
            .is_some_and(|erasure| erasure.ended_at.is_none())
        {
            self.withheld.add([id]);
        }
        Ok(begun)
    }

    async fn erase_organization(
        &self,
        id: OrganizationId,
        actor: Actor,
    ) -> Result<Option<Erasure>, StoreError> {
        let begun = self
            .change(move |step| organization::begin(step, id, &actor))
            .await?;
        let Some((erasure, in_memory)) = begun else {
            return Ok(None);
        };
        self.withheld.add(in_memory);
        Ok(Some(erasure))
    }

    async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        self.read(move |sql| sql.one(COLUMNS, values![id.raw()], read))
            .await
    }
}
