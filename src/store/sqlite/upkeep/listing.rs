//! The lists by organization, reference and endpoint: written late, many rows at once, sorted.
//!
//! On the hot path they would dirty a page for every row. Here a batch of events is collected, its rows sorted,
//! and written in parts; `listed_to` moves when the whole batch is on disk. Rows are the same however often they
//! are written, so a batch that was cut short is simply collected again. A delivery that is made for an event of
//! a batch that was collected before lists itself ([`list_if_late`]).

use super::super::step::Step;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;
use tidings_core::id::{EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Events, and about as many deliveries, of one batch.
const BATCH: usize = 10_000;
/// Rows written in one step: a few milliseconds.
const PART: usize = 1_000;
/// Between two batches, so that a few busy moments of upkeep do not make many small ones.
const PAUSE: Duration = Duration::from_millis(200);

/// Where the lists stand.
#[derive(Debug)]
pub(super) struct Listing {
    /// Events up to this one are listed.
    listed_to: i64,
    /// Events up to this one were collected, at least.
    collected_to: i64,
    collected_at: Timestamp,
    batch: Option<Batch>,
}

/// Rows to write, each kind sorted; the next to write is last.
#[derive(Debug)]
struct Batch {
    up_to: i64,
    events: Vec<(i64, i64)>,
    references: Vec<(i64, String, i64)>,
    deliveries: Vec<(i64, i64)>,
}

impl Listing {
    /// As the database says.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let listed_to = connection
            .query_row(
                "SELECT value FROM meta WHERE key = 'listed_to'",
                [],
                |row| row.get(0),
            )
            .optional()?
            .unwrap_or(0);
        Ok(Self {
            listed_to,
            collected_to: listed_to,
            collected_at: Timestamp::default(),
            batch: None,
        })
    }

    /// Forgets the batch at hand.
    pub(super) fn start_over(&mut self) {
        self.batch = None;
        self.collected_at = Timestamp::default();
    }
}

/// Lists a delivery that was made after its event was collected.
pub(in super::super) fn list_if_late(
    step: &Step<'_, '_>,
    endpoint: EndpointId,
    event: EventId,
) -> Result<(), StoreError> {
    if event.raw() <= step.memory.chores.listing.collected_to {
        list_delivery(step.connection(), endpoint.raw(), event.raw())?;
    }
    Ok(())
}

/// Collects a batch, or writes a part of the one at hand.
pub(super) fn step(step: &mut Step<'_, '_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let sql = step.connection();
    let listing = &mut step.memory.chores.listing;
    let mut batch = match listing.batch.take() {
        Some(batch) => batch,
        None => {
            if now.since(listing.collected_at) < PAUSE {
                return Ok(Upkeep::Idle);
            }
            let Some(batch) = collect(sql, listing.listed_to)? else {
                return Ok(Upkeep::Idle);
            };
            listing.collected_at = now;
            listing.collected_to = listing.collected_to.max(batch.up_to);
            batch
        }
    };
    if write(sql, &mut batch)? {
        sql.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('listed_to', ?1)")?
            .execute([batch.up_to])?;
        listing.listed_to = batch.up_to;
    } else {
        listing.batch = Some(batch);
    }
    Ok(Upkeep::More)
}

/// The rows of the next events, ordered so that the next to write is last.
fn collect(sql: &Connection, after: i64) -> Result<Option<Batch>, StoreError> {
    let mut batch = Batch {
        up_to: after,
        events: Vec::new(),
        references: Vec::new(),
        deliveries: Vec::new(),
    };
    let mut events = sql.prepare_cached(
        "SELECT id, organization_id, reference FROM events WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut deliveries =
        sql.prepare_cached("SELECT endpoint_id FROM deliveries WHERE event_id = ?1")?;
    let mut rows = events.query(params![after, BATCH as i64])?;
    while let Some(row) = rows.next()? {
        let (id, organization): (i64, i64) = (row.get(0)?, row.get(1)?);
        batch.up_to = id;
        batch.events.push((organization, id));
        if let Some(reference) = row.get(2)? {
            batch.references.push((organization, reference, id));
        }
        let mut recipients = deliveries.query([id])?;
        while let Some(row) = recipients.next()? {
            batch.deliveries.push((row.get(0)?, id));
        }
        if batch.deliveries.len() >= BATCH {
            break;
        }
    }
    if batch.events.is_empty() {
        return Ok(None);
    }
    batch.events.sort_unstable_by(|a, b| b.cmp(a));
    batch.references.sort_unstable_by(|a, b| b.cmp(a));
    batch.deliveries.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Some(batch))
}

/// Writes the next part; answers whether that was all.
fn write(sql: &Connection, batch: &mut Batch) -> Result<bool, StoreError> {
    let mut left = PART;
    let mut event = sql.prepare_cached(
        "INSERT OR IGNORE INTO events_listed (organization_id, event_id) VALUES (?1, ?2)",
    )?;
    for row in take_last(&mut batch.events, &mut left) {
        event.execute(row)?;
    }
    let mut reference = sql.prepare_cached(
        "INSERT OR IGNORE INTO references_listed (organization_id, reference, event_id) VALUES (?1, ?2, ?3)",
    )?;
    for row in take_last(&mut batch.references, &mut left) {
        reference.execute(row)?;
    }
    for (endpoint, event) in take_last(&mut batch.deliveries, &mut left) {
        list_delivery(sql, endpoint, event)?;
    }
    Ok(batch.events.is_empty() && batch.references.is_empty() && batch.deliveries.is_empty())
}

fn take_last<T>(rows: &mut Vec<T>, left: &mut usize) -> impl Iterator<Item = T> {
    let taken = rows.len().min(*left);
    *left -= taken;
    rows.drain(rows.len() - taken..).rev()
}

fn list_delivery(sql: &Connection, endpoint: i64, event: i64) -> Result<(), StoreError> {
    sql.prepare_cached(
        "INSERT OR IGNORE INTO deliveries_listed (endpoint_id, event_id) VALUES (?1, ?2)",
    )?
    .execute((endpoint, event))?;
    Ok(())
}
