//! The writer's connection: transactions, and the statements of the hot path, prepared once.
//!
//! Everything else is prepared when first used, in the connection's cache.

use super::checkpointer::Checkpointer;
use crate::store::StoreError;
use crate::store::health::Node;
use crate::store::queue::{AttemptRecord, Upkeep};
use crate::store::sql::ABANDONED;
use crate::store::sql::database::{
    Begun, Database, DeliveryRow, DirectoryChange, EventRow, LeaseRow, Purpose, Row, SettleRow,
    Sql, Value, micros, values,
};
use crate::store::sql::rest::arrived_before;
use rusqlite::{Connection, Statement, params};
use std::cell::RefCell;
use tidings_core::id::{DeliveryId, EndpointId, OrganizationId};
use tidings_core::time::Timestamp;

/// Prepared statements and the connection they belong to.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    /// This life of the node.
    epoch: i64,
    checkpointer: RefCell<Checkpointer>,
    hot: RefCell<Hot<'c>>,
}

/// What runs for every event.
struct Hot<'c> {
    /// Opens a transaction that may write.
    begin: Statement<'c>,
    /// Makes it durable.
    commit: Statement<'c>,
    /// An event: id, organization, name, public, test, accepted at, reference.
    insert_event: Statement<'c>,
    /// Its body: event, hash, data.
    insert_body: Statement<'c>,
    /// A delivery of an event that has none to this endpoint: event, endpoint, organization, name, audience,
    /// state, round, due at, epoch, fence. Nothing happens if there is one.
    insert_delivery: Statement<'c>,
    /// Ends a claim: event, endpoint, epoch, fence, then state, due at (or as it was), rested at, attempts and
    /// failures (or as they were), and the epoch if it is another now. A
    /// delivered one that was being sent again is not cancelled but delivered.
    settle: Statement<'c>,
    /// Ends a claim of a delivery that is set aside then: event, endpoint, epoch, fence, due at, attempts and failures (each
    /// or as it was).
    settle_aside: Statement<'c>,
    /// An attempt, once.
    insert_attempt: Statement<'c>,
    /// Leases a due delivery: event, endpoint, epoch, fence.
    lease: Statement<'c>,
    /// Leases one that is set aside, likewise.
    lease_aside: Statement<'c>,
}

const INSERT_DELIVERY: &str = "
    INSERT INTO deliveries (event_id, endpoint_id, organization_id, name_id, audience, state, round, attempts,
        failures, due_at, epoch, fence, rested_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, NULL)
    ON CONFLICT (event_id, endpoint_id) DO NOTHING";

pub(super) const SETTLE: &str = concat!(
    "
    UPDATE deliveries
    SET state = CASE WHEN ?5 >= 4 AND ",
    arrived_before!(),
    " THEN 2 ELSE ?5 END,
        due_at = coalesce(?6, due_at), rested_at = ?7, epoch = coalesce(?10, epoch),
        attempts = coalesce(?8, attempts), failures = coalesce(?9, failures)
    WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = ?3 AND fence = ?4"
);

/// Its state stays as it is, and is not named: else each index whose condition asks for it would be written, too.
pub(super) const SETTLE_ASIDE: &str = "
    UPDATE deliveries
    SET due_at = coalesce(?5, due_at), epoch = 0, attempts = coalesce(?6, attempts),
        failures = coalesce(?7, failures)
    WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = ?3 AND fence = ?4";

/// Likewise. No RETURNING: it copies every page it touches, in case it has to be undone.
pub(super) const LEASE_ASIDE: &str = "
    UPDATE deliveries SET epoch = ?3, fence = ?4
    WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = 0";

pub(super) const LEASE: &str = "
    UPDATE deliveries SET state = 1, epoch = ?3, fence = ?4
    WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 0";

const INSERT_ATTEMPT: &str = "
    INSERT INTO attempts (event_id, endpoint_id, number, started_at, lateness, dns, connect, tls, first_byte,
        total, outcome, detail, endpoint_version, timestamp, vomo_signature, webhook_signature, peer,
        answer_headers, answer_body, answer_bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
    ON CONFLICT (event_id, endpoint_id, number) DO NOTHING";

/// What runs for every event: a temporary table in one of these costs more than the statement.
#[cfg(test)]
pub(super) const HOT: [&str; 6] = [
    INSERT_DELIVERY,
    SETTLE,
    SETTLE_ASIDE,
    LEASE,
    LEASE_ASIDE,
    INSERT_ATTEMPT,
];

impl<'c> Statements<'c> {
    /// Prepares them.
    ///
    /// # Errors
    /// The schema is not ours.
    pub(super) fn prepare(
        connection: &'c Connection,
        checkpointer: Checkpointer,
        epoch: i64,
    ) -> Result<Self, StoreError> {
        let hot = Hot {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert_event: connection.prepare(
                "INSERT INTO events (id, organization_id, name_id, public, test, accepted_at, reference)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            insert_body: connection
                .prepare("INSERT INTO bodies (event_id, hash, data) VALUES (?1, ?2, ?3)")?,
            insert_delivery: connection.prepare(INSERT_DELIVERY)?,
            settle: connection.prepare(SETTLE)?,
            settle_aside: connection.prepare(SETTLE_ASIDE)?,
            insert_attempt: connection.prepare(INSERT_ATTEMPT)?,
            lease: connection.prepare(LEASE)?,
            lease_aside: connection.prepare(LEASE_ASIDE)?,
        };
        Ok(Self {
            connection,
            epoch,
            checkpointer: RefCell::new(checkpointer),
            hot: RefCell::new(hot),
        })
    }
}

impl Sql for Statements<'_> {
    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, StoreError> {
        Sql::execute(self.connection, sql, values)
    }

    fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.connection.each(sql, values, meet)
    }
}

impl Database for Statements<'_> {
    fn sql(&self) -> &dyn Sql {
        self.connection
    }

    fn canary(&self) -> [&'static str; 2] {
        [super::READ_CANARY, super::WRITE_CANARY]
    }

    fn begin(&self, _: Purpose, _: Timestamp) -> Result<Begun, StoreError> {
        self.hot.borrow_mut().begin.execute([])?;
        Ok(Begun {
            epoch: self.epoch,
            version: None,
            stripe: None,
        })
    }

    fn note_change(&self, _: DirectoryChange) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.hot.borrow_mut().commit.execute([])?;
        self.checkpointer.borrow_mut().committed();
        Ok(())
    }

    fn rollback(&self) {
        if !self.connection.is_autocommit()
            && let Err(rollback) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%rollback, "a transaction could not be rolled back");
        }
    }

    fn insert_event(&self, event: &EventRow<'_>) -> Result<(), StoreError> {
        let mut hot = self.hot.borrow_mut();
        hot.insert_event.execute(params![
            event.id,
            event.organization,
            event.name,
            event.public,
            event.test,
            event.accepted_at,
            event.reference,
        ])?;
        hot.insert_body
            .execute(params![event.id, event.hash, event.data])?;
        Ok(())
    }

    fn insert_deliveries(&self, rows: &[DeliveryRow], _: bool) -> Result<Vec<bool>, StoreError> {
        let insert = &mut self.hot.borrow_mut().insert_delivery;
        let mut new = Vec::with_capacity(rows.len());
        for row in rows {
            let inserted = insert.execute(params![
                row.event,
                row.endpoint,
                row.organization,
                row.name,
                row.audience,
                row.state,
                row.round,
                row.due_at,
                row.epoch,
                row.fence,
            ])?;
            new.push(inserted > 0);
        }
        Ok(new)
    }

    fn settle(&self, rows: &[SettleRow]) -> Result<Vec<bool>, StoreError> {
        let mut hot = self.hot.borrow_mut();
        let mut held = Vec::with_capacity(rows.len());
        for row in rows {
            let changed = if row.is_set_aside() {
                hot.settle_aside.execute(params![
                    row.event,
                    row.endpoint,
                    row.epoch,
                    row.fence,
                    row.due_at,
                    row.attempts,
                    row.failures,
                ])?
            } else {
                hot.settle.execute(params![
                    row.event,
                    row.endpoint,
                    row.epoch,
                    row.fence,
                    row.state,
                    row.due_at,
                    row.rested_at,
                    row.attempts,
                    row.failures,
                    row.new_epoch,
                ])?
            };
            held.push(changed > 0);
        }
        Ok(held)
    }

    fn insert_attempts(&self, rows: &[(DeliveryId, &AttemptRecord)]) -> Result<(), StoreError> {
        let insert = &mut self.hot.borrow_mut().insert_attempt;
        for (id, record) in rows {
            let timing = &record.timing;
            insert.execute(params![
                id.event.raw(),
                id.endpoint.raw(),
                record.number,
                record.started_at.as_micros(),
                micros(record.lateness),
                timing.dns.map(micros),
                timing.connect.map(micros),
                timing.tls.map(micros),
                timing.first_byte.map(micros),
                micros(timing.total),
                record.outcome.code(),
                record.detail,
                record.endpoint_version,
                record.timestamp,
                record.vomo_signature,
                record.webhook_signature,
                record.peer.map(|peer| peer.to_string()),
                &record.answer.headers[..],
                &record.answer.body[..],
                i64::try_from(record.answer.body_bytes).unwrap_or(i64::MAX),
            ])?;
        }
        Ok(())
    }

    fn lease(&self, endpoint: i64, epoch: i64, rows: &[LeaseRow]) -> Result<(), StoreError> {
        let mut hot = self.hot.borrow_mut();
        for row in rows {
            let lease = match row.aside {
                true => &mut hot.lease_aside,
                false => &mut hot.lease,
            };
            lease.execute(params![row.event, endpoint, epoch, row.fence])?;
        }
        Ok(())
    }

    /// The writer is alone.
    fn hold_key(&self, _: OrganizationId, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// The writer is alone.
    fn hold_replays(&self, _: EndpointId) -> Result<(), StoreError> {
        Ok(())
    }

    /// From the start each time: what is gone is gone from the index.
    fn due_rows(
        &self,
        endpoint: i64,
        _: (i64, i64),
        limit: usize,
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.connection.each(
            "SELECT event_id, organization_id, name_id, audience, round, attempts, failures, due_at, fence
             FROM deliveries INDEXED BY deliveries_due
             WHERE state = 0 AND endpoint_id = ?1 ORDER BY due_at, event_id LIMIT ?2",
            values![endpoint, limit],
            meet,
        )
    }

    /// One by one: the next may find no room.
    fn bodies(
        &self,
        events: &[i64],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        self.connection.each(
            "SELECT event_id, hash, data FROM bodies WHERE event_id = ?1",
            values![first],
            meet,
        )
    }

    fn abandoned(&self) -> &'static str {
        ABANDONED
    }

    fn end_dead_lives(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn due_endpoints(
        &self,
        after: i64,
        limit: usize,
        meet: &mut dyn FnMut(i64, i64),
    ) -> Result<(), StoreError> {
        // One seek for every endpoint that has due rows.
        let mut next = self.connection.prepare_cached(
            "SELECT endpoint_id, due_at FROM deliveries INDEXED BY deliveries_due
             WHERE state = 0 AND endpoint_id > ?1 ORDER BY endpoint_id, due_at LIMIT 1",
        )?;
        let mut last = after;
        for _ in 0..limit {
            let mut rows = next.query([last])?;
            let Some(row) = rows.next()? else {
                return Ok(());
            };
            last = row.get(0)?;
            meet(last, row.get(1)?);
        }
        Ok(())
    }

    fn removes_alone(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn removable(&self, before: i64) -> i64 {
        before
    }

    fn removes_rows(&self) -> bool {
        true
    }

    fn remove_bodies(&self, before: i64, at_most: i64) -> Result<Upkeep, StoreError> {
        let removed = self.sql().execute(
            "DELETE FROM bodies WHERE event_id IN (
                SELECT event_id FROM bodies WHERE event_id < ?1 ORDER BY event_id LIMIT ?2)",
            values![before, at_most],
        )?;
        Ok(match removed {
            0 => Upkeep::Idle,
            _ => Upkeep::More,
        })
    }

    fn remove_records(&self, _before: i64) -> Result<Upkeep, StoreError> {
        Ok(Upkeep::Idle)
    }

    fn scrub(&self) {
        self.checkpointer.borrow_mut().empty_soon();
    }

    fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        // Whoever reads this is the node: another one does not get the lock.
        let since = self
            .sql()
            .get("SELECT started_at FROM nodes WHERE id = 1", values![])?;
        Ok(vec![Node {
            name: String::from("this node"),
            since: Some(Timestamp::from_micros(since)),
            alive: true,
        }])
    }

    fn bytes(&self) -> Result<u64, StoreError> {
        let pages: i64 = self
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))?;
        let size: i64 = self
            .connection
            .pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok((pages * size).unsigned_abs())
    }

    fn sets_aside(&self) -> bool {
        true
    }

    fn list(&self, _: Timestamp) -> Result<Option<Upkeep>, StoreError> {
        Ok(None)
    }
}
