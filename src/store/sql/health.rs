//! How the store is: what the writer remembers of what waits, and a few questions that cost nothing.

use super::SqlStore;
use super::database::{Database, values};
use super::due;
use super::step::Step;
use crate::store::StoreError;
use crate::store::directory::Sending;
use crate::store::health::{Health, Healthy};
use async_trait::async_trait;
use std::time::Duration;
use tidings_core::id::{EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Endpoints that are sent to and whose earliest due row is asked for; with more, the oldest of these stands for all.
const LOOKED_AT: usize = 512;
/// So often as many are looked at, when what waits is held for most of them: the writer must not be kept for long.
const LOOKS: usize = 8;

#[async_trait]
impl Healthy for SqlStore {
    async fn health(&self) -> Result<Health, StoreError> {
        self.alone(look).await
    }
}

fn look(step: &mut Step<'_>) -> Result<Health, StoreError> {
    let (database, tables) = (step.database, step.tables);
    // What is held for any other is no backlog: it waits for somebody to switch it on, not for this server.
    let open = |endpoint| tables.sending(endpoint) == Some(Sending::Open);
    let oldest = [
        step.memory.due.next_of(open),
        oldest_aside(step, &open),
        oldest_row(database, &open)?,
    ];
    Ok(Health {
        oldest_due: oldest.into_iter().flatten().min(),
        endpoints_due: step.memory.due.ready_of(open) as u64,
        list_lag: list_lag(step)?,
        bytes: Some(database.bytes()?),
        nodes: database.nodes()?,
    })
}

/// The earliest time of what is set aside and has its turn: no index has it yet.
fn oldest_aside(step: &Step<'_>, open: &dyn Fn(EndpointId) -> bool) -> Option<Timestamp> {
    let (due, aside) = (&step.memory.due, &step.memory.aside);
    let ready = due.ready().filter(|endpoint| open(*endpoint));
    let first = |endpoint| aside.of(endpoint).next().map(|(_, due_at, _)| due_at);
    ready.take(LOOKED_AT).filter_map(first).min()
}

/// The earliest time at which something is due in the store for an endpoint that is sent to.
fn oldest_row(
    database: &dyn Database,
    open: &dyn Fn(EndpointId) -> bool,
) -> Result<Option<Timestamp>, StoreError> {
    let (mut oldest, mut met, mut last) = (None, 0, due::FIRST);
    for _ in 0..LOOKS {
        let mut seen = 0;
        database.due_endpoints(last.raw(), LOOKED_AT, &mut |endpoint, due_at| {
            seen += 1;
            last = EndpointId::from_raw(endpoint);
            if open(last) {
                met += 1;
                let due_at = Timestamp::from_micros(due_at);
                oldest = Some(oldest.map_or(due_at, |earlier: Timestamp| earlier.min(due_at)));
            }
        })?;
        if seen < LOOKED_AT || met >= LOOKED_AT {
            break;
        }
    }
    Ok(oldest)
}

fn list_lag(step: &Step<'_>) -> Result<Duration, StoreError> {
    let sql = step.sql();
    let newest: i64 = sql.get("SELECT coalesce(max(id), 0) FROM events", values![])?;
    let listed = sql.one(
        "SELECT value FROM meta WHERE key = 'listed_to'",
        values![],
        |row| row.get::<i64>(0),
    )?;
    let listed = listed.unwrap_or(0);
    if newest <= listed {
        return Ok(Duration::ZERO);
    }
    // The first event that is not listed tells since when the lists lag.
    let first: i64 = sql.get(
        "SELECT coalesce(min(id), 0) FROM events WHERE id > ?1",
        values![listed],
    )?;
    Ok(step.now.since(EventId::from_raw(first).time()))
}
