//! How the store is: what the writer remembers of what waits, and a few questions that cost nothing.

use super::SqlStore;
use super::database::values;
use super::due;
use super::step::Step;
use crate::store::StoreError;
use crate::store::health::{Health, Healthy};
use async_trait::async_trait;
use std::time::Duration;
use tidings_core::id::EventId;
use tidings_core::time::Timestamp;

/// Endpoints whose earliest due row is asked for; with more, the oldest of these stands for all.
const LOOKED_AT: usize = 512;

#[async_trait]
impl Healthy for SqlStore {
    async fn health(&self) -> Result<Health, StoreError> {
        self.alone(look).await
    }
}

fn look(step: &mut Step<'_>) -> Result<Health, StoreError> {
    let database = step.database;
    let mut oldest = step.memory.due.next();
    database.due_endpoints(due::FIRST.raw(), LOOKED_AT, &mut |_, due_at| {
        let due_at = Timestamp::from_micros(due_at);
        oldest = Some(oldest.map_or(due_at, |earlier| earlier.min(due_at)));
    })?;
    Ok(Health {
        oldest_due: oldest,
        endpoints_due: step.memory.due.ready() as u64,
        list_lag: list_lag(step)?,
        bytes: Some(database.bytes()?),
        nodes: database.nodes()?,
    })
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
