//! The lists by organization, reference and endpoint: written late, many rows at once, sorted.
//!
//! On the hot path they would dirty a page for every row. What is stored is noted here instead, sorted once there is
//! enough of it, and written in parts; `listed_to` moves when the whole batch is on disk. Rows are the same however often
//! they are written, so a batch that was cut short is simply made again.
//!
//! The notes are bounded, and gone after a crash, a rollback, or when nobody writes them for too long; what is missing in
//! them is read from the tables. A delivery that is made for an event of a batch that was collected before lists
//! itself ([`note_delivery`]).

use super::super::database::{Sql, Value, values};
use super::super::step::Step;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use std::time::Duration;
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// Events, and about as many deliveries, that are read from the tables for one batch.
const READ: usize = 10_000;
/// Events of them that are asked for together: few at first, then more and more.
const FEWEST_AT_ONCE: usize = 64;
const MOST_AT_ONCE: usize = 1_024;
/// Rows worth a batch at once.
const ENOUGH: usize = 10_000;
/// Rows noted at most.
const NOTED: usize = 65_536;
/// How long fewer wait, so that an endpoint has several of them.
const LAG: Duration = Duration::from_millis(800);
/// Rows written in one step: a batch goes in about as many parts as this, between these sizes. Small ones hold nobody up, large
/// ones cost less each.
const PARTS: usize = 16;
const SMALLEST_PART: usize = 250;
const LARGEST_PART: usize = 1_000;

/// Where the lists stand.
#[derive(Debug)]
pub(super) struct Listing {
    /// Events up to this one are listed.
    listed_to: i64,
    /// The same as of the step before, which is on disk when the next one begins, or was undone.
    written_to: Option<i64>,
    /// Events up to this one were collected, at least.
    collected_to: i64,
    collected_at: Timestamp,
    /// What was stored of events after this one is noted; `None` when the notes are in doubt, and nothing is.
    noted_after: Option<i64>,
    notes: Rows,
    batch: Option<Batch>,
}

/// Rows of the lists.
#[derive(Debug, Default)]
struct Rows {
    events: Vec<(i64, i64)>,
    references: Vec<(i64, String, i64)>,
    deliveries: Vec<(i64, i64)>,
}

/// Rows to write, each kind sorted; the next to write is last.
#[derive(Debug)]
struct Batch {
    up_to: i64,
    part: usize,
    rows: Rows,
}

impl Rows {
    fn len(&self) -> usize {
        self.events.len() + self.references.len() + self.deliveries.len()
    }

    fn into_batch(mut self, up_to: i64) -> Batch {
        self.events.sort_unstable_by(|a, b| b.cmp(a));
        self.references.sort_unstable_by(|a, b| b.cmp(a));
        self.deliveries.sort_unstable_by(|a, b| b.cmp(a));
        Batch {
            up_to,
            part: (self.len() / PARTS).clamp(SMALLEST_PART, LARGEST_PART),
            rows: self,
        }
    }
}

impl Listing {
    /// As the database says.
    pub(super) fn load(sql: &dyn Sql) -> Result<Self, StoreError> {
        let listed_to = sql
            .one(
                "SELECT value FROM meta WHERE key = 'listed_to'",
                values![],
                |row| row.get(0),
            )?
            .unwrap_or(0);
        Ok(Self {
            listed_to,
            written_to: None,
            collected_to: listed_to,
            collected_at: Timestamp::default(),
            noted_after: None,
            notes: Rows::default(),
            batch: None,
        })
    }

    /// Forgets the batch at hand, what the last step may have written, and the notes.
    pub(super) fn start_over(&mut self) {
        self.batch = None;
        self.written_to = None;
        self.collected_at = Timestamp::default();
        self.forget_notes();
    }

    /// What waits for more waits no longer.
    pub(super) fn look_at_once(&mut self) {
        self.collected_at = Timestamp::default();
    }

    fn forget_notes(&mut self) {
        self.noted_after = None;
        self.notes = Rows::default();
    }

    /// Notes rows of an event if that is done now; answers whether there is enough for a batch since.
    fn note(&mut self, event: EventId, add: impl FnOnce(&mut Rows)) -> bool {
        if self.noted_after.is_none_or(|after| event.raw() <= after) {
            return false;
        }
        let before = self.notes.len();
        if before >= NOTED {
            self.forget_notes();
            return false;
        }
        add(&mut self.notes);
        before < ENOUGH && self.notes.len() >= ENOUGH
    }
}

/// Notes an event that was just stored.
pub(in super::super) fn note_event(
    step: &mut Step<'_>,
    organization: OrganizationId,
    event: EventId,
    reference: Option<&str>,
) {
    let (owner, id) = (organization.get(), event.raw());
    let enough = step.memory.chores.listing.note(event, |notes| {
        notes.events.push((owner, id));
        let reference = reference.map(|reference| (owner, reference.to_owned(), id));
        notes.references.extend(reference);
    });
    if enough {
        step.leaves_upkeep();
    }
}

/// Notes a delivery that was just stored, or lists it if its event was collected before.
pub(in super::super) fn note_delivery(
    step: &mut Step<'_>,
    endpoint: EndpointId,
    event: EventId,
) -> Result<(), StoreError> {
    let row = (endpoint.raw(), event.raw());
    let listing = &mut step.memory.chores.listing;
    if event.raw() <= listing.collected_to {
        return list_delivery(step.sql(), row.0, row.1);
    }
    if listing.note(event, |notes| notes.deliveries.push(row)) {
        step.leaves_upkeep();
    }
    Ok(())
}

/// Collects a batch, or writes a part of the one at hand; unless the database writes the lists by itself.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    if let Some(upkeep) = step.database.list(now)? {
        return Ok(upkeep);
    }
    let sql = step.sql();
    let listing = &mut step.memory.chores.listing;
    listing.listed_to = listing.written_to.take().unwrap_or(listing.listed_to);
    let mut batch = match listing.batch.take() {
        Some(batch) => batch,
        None => {
            if listing.waits_for_more(now) {
                return Ok(Upkeep::Idle);
            }
            let Some(batch) = listing.collect(sql)? else {
                return Ok(Upkeep::Idle);
            };
            listing.collected_at = now;
            listing.collected_to = listing.collected_to.max(batch.up_to);
            batch
        }
    };
    if write(sql, &mut batch)? {
        sql.execute(
            "INSERT INTO meta (key, value) VALUES ('listed_to', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            values![batch.up_to],
        )?;
        listing.written_to = Some(batch.up_to);
    } else {
        listing.batch = Some(batch);
    }
    Ok(Upkeep::More)
}

impl Listing {
    /// Whether a batch would be small now and larger in a moment. What was not noted never waits: it can be much.
    fn waits_for_more(&self, now: Timestamp) -> bool {
        self.noted_after
            .is_some_and(|after| after <= self.listed_to)
            && self.notes.len() < ENOUGH
            && now.since(self.collected_at) < LAG
    }

    /// The next batch: of what is in the tables and was not noted, then of the notes.
    fn collect(&mut self, sql: &dyn Sql) -> Result<Option<Batch>, StoreError> {
        let noted_after = match self.noted_after {
            Some(event) => event,
            None => {
                let newest: Option<i64> = sql.get("SELECT max(id) FROM events", values![])?;
                *self.noted_after.insert(newest.unwrap_or(0))
            }
        };
        if self.listed_to < noted_after {
            if let Some(batch) = read(sql, self.listed_to, noted_after)? {
                return Ok(Some(batch));
            }
            self.listed_to = noted_after;
        }
        let Some((_, newest)) = self.notes.events.last() else {
            return Ok(None);
        };
        let up_to = *self.noted_after.insert(*newest);
        Ok(Some(std::mem::take(&mut self.notes).into_batch(up_to)))
    }
}

/// An event in the tables: its id, its owner, the producer's own id.
type Event = (i64, i64, Option<String>);

/// The rows of the next events in the tables.
fn read(sql: &dyn Sql, after: i64, to: i64) -> Result<Option<Batch>, StoreError> {
    let (mut found, mut up_to) = (Rows::default(), after);
    let mut at_once = FEWEST_AT_ONCE;
    while found.events.len() < READ && found.deliveries.len() < READ {
        let limit = at_once.min(READ - found.events.len());
        let events = next_events(sql, up_to, to, limit)?;
        let all = events.len() < limit;
        for (id, organization, reference) in events {
            up_to = id;
            found.events.push((organization, id));
            if let Some(reference) = reference {
                found.references.push((organization, reference, id));
            }
            read_deliveries(sql, id, &mut found)?;
            if found.deliveries.len() >= READ {
                break;
            }
        }
        if all {
            break;
        }
        at_once = MOST_AT_ONCE.min(at_once * 2);
    }
    Ok((up_to > after).then(|| found.into_batch(up_to)))
}

fn next_events(sql: &dyn Sql, after: i64, to: i64, most: usize) -> Result<Vec<Event>, StoreError> {
    sql.all(
        "SELECT id, organization_id, reference FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        values![after, to, most],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

fn read_deliveries(sql: &dyn Sql, event: i64, found: &mut Rows) -> Result<(), StoreError> {
    sql.each(
        "SELECT endpoint_id FROM deliveries WHERE event_id = ?1",
        values![event],
        &mut |row| {
            found.deliveries.push((row.get(0)?, event));
            Ok(())
        },
    )
}

/// Writes the next part; answers whether that was all.
fn write(sql: &dyn Sql, batch: &mut Batch) -> Result<bool, StoreError> {
    let (mut left, rows) = (batch.part, &mut batch.rows);
    let events: Vec<_> = take_last(&mut rows.events, &mut left).collect();
    list(sql, (LIST_EVENT, LIST_EVENTS), &events)?;
    for (organization, reference, event) in take_last(&mut rows.references, &mut left) {
        sql.execute(
            "INSERT INTO references_listed (organization_id, reference, event_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (organization_id, reference, event_id) DO NOTHING",
            values![organization, reference, event],
        )?;
    }
    let deliveries: Vec<_> = take_last(&mut rows.deliveries, &mut left).collect();
    list(sql, (LIST_DELIVERY, LIST_DELIVERIES), &deliveries)?;
    Ok(rows.len() == 0)
}

fn take_last<T>(rows: &mut Vec<T>, left: &mut usize) -> impl Iterator<Item = T> {
    let taken = rows.len().min(*left);
    *left -= taken;
    rows.drain(rows.len() - taken..).rev()
}

/// Rows that one statement writes: to start and end a statement costs more than a row of two numbers.
const AT_ONCE: usize = 16;

/// A statement that lists one row of two numbers, and one that lists [`AT_ONCE`] of them.
macro_rules! list {
    ($one:ident, $many:ident, $into:literal) => {
        const $one: &str = concat!("INSERT INTO ", $into, " VALUES (?1, ?2) ON CONFLICT DO NOTHING");
        const $many: &str = concat!(
            "INSERT INTO ",
            $into,
            " VALUES (?1, ?2), (?3, ?4), (?5, ?6), (?7, ?8), (?9, ?10), (?11, ?12), (?13, ?14), (?15, ?16),
             (?17, ?18), (?19, ?20), (?21, ?22), (?23, ?24), (?25, ?26), (?27, ?28), (?29, ?30), (?31, ?32)
             ON CONFLICT DO NOTHING"
        );
    };
}
list!(
    LIST_EVENT,
    LIST_EVENTS,
    "events_listed (organization_id, event_id)"
);
list!(
    LIST_DELIVERY,
    LIST_DELIVERIES,
    "deliveries_listed (endpoint_id, event_id)"
);

fn list(
    sql: &dyn Sql,
    (one, many): (&'static str, &'static str),
    rows: &[(i64, i64)],
) -> Result<(), StoreError> {
    let (groups, rest) = rows.as_chunks::<AT_ONCE>();
    for group in groups {
        let values = group.map(|(list, event)| [Value::Int(list), Value::Int(event)]);
        sql.execute(many, values.as_flattened())?;
    }
    for (list, event) in rest {
        sql.execute(one, values![list, event])?;
    }
    Ok(())
}

fn list_delivery(sql: &dyn Sql, endpoint: i64, event: i64) -> Result<(), StoreError> {
    list(sql, (LIST_DELIVERY, LIST_DELIVERIES), &[(endpoint, event)])
}
