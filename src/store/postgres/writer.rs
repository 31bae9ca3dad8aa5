//! What the store's logic asks of the writer's session, in PostgreSQL's own statements.

use super::error::is_lost;
use super::partitions;
use super::pending::Deliveries;
use super::session::Pg;
use super::statements as texts;
use super::watch::CHANNEL;
use crate::store::StoreError;
use crate::store::health::Node;
use crate::store::queue::{AttemptRecord, Upkeep};
use crate::store::sql::database::{
    Begun, Database, DeliveryRow, DirectoryChange, EventRow, LeaseRow, Purpose, Row, SettleRow,
    Sql, values,
};
use crate::store::sql::view;
use std::collections::HashSet;
use tidings_core::id::{DeliveryId, EndpointId, OrganizationId};
use tidings_core::time::Timestamp;

impl Database for Pg {
    fn sql(&self) -> &dyn Sql {
        self
    }

    fn canary(&self) -> [&'static str; 2] {
        ["SELECT sealed FROM canary", "UPDATE canary SET sealed = ?1"]
    }

    fn begin(&self, purpose: Purpose, now: Timestamp) -> Result<Begun, StoreError> {
        self.ready(now)?;
        let found = match self.opened(purpose) {
            // It may have broken long ago, while nothing was asked of it.
            Err(StoreError::Unreachable { .. }) => {
                self.connection.replace(None);
                self.ready(now)?;
                self.opened(purpose)?
            }
            found => found?,
        };
        let found = if found.lives {
            found
        } else {
            self.with(|connection| {
                connection.batch("ROLLBACK")?;
                self.node
                    .begin_life(&mut connection.client(), &self.location)
            })?;
            self.opened(purpose)?
        };
        self.transaction.replace(Some(found.transaction));
        Ok(Begun {
            epoch: self.node.epoch(),
            version: Some(found.version),
            stripe: self.node.stripe(),
        })
    }

    fn note_change(&self, change: DirectoryChange) -> Result<Option<i64>, StoreError> {
        let (kind, subject) = view::stored(change);
        self.flush()?;
        self.with(|connection| {
            let rows = connection.run(
                "WITH raised AS (UPDATE directory SET version = version + 1 RETURNING version)
                 INSERT INTO directory_changes (version, kind, subject) SELECT version, $1, $2 FROM raised
                 RETURNING version",
                &[&i64::from(kind), &subject],
            )?;
            connection.batch(&format!("NOTIFY {CHANNEL}"))?;
            match rows.first() {
                Some(row) => Ok(Some(row.try_get(0)?)),
                None => Ok(None),
            }
        })
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.flush()?;
        let lost = match self.with(|connection| Ok(connection.batch("COMMIT")))? {
            Ok(()) => None,
            Err(error) if is_lost(&error) => Some(StoreError::from(error)),
            Err(error) => return Err(error.into()),
        };
        match lost {
            Some(lost) => self.resolve(lost)?,
            None => {
                self.transaction.take();
            }
        }
        Ok(())
    }

    fn rollback(&self) {
        self.pending.take();
        self.lists.take();
        if self.transaction.take().is_some()
            && let Err(error) = self.with(|connection| Ok(connection.batch("ROLLBACK")?))
        {
            tracing::debug!(%error, "a transaction could not be rolled back; it ends with its connection");
            self.connection.replace(None);
        }
        self.drop_lost();
    }

    fn insert_event(&self, event: &EventRow<'_>) -> Result<(), StoreError> {
        self.pending.borrow_mut().event(event);
        Ok(())
    }

    fn insert_deliveries(
        &self,
        rows: &[DeliveryRow],
        fresh: bool,
    ) -> Result<Vec<bool>, StoreError> {
        if fresh {
            let mut pending = self.pending.borrow_mut();
            for row in rows {
                pending.delivery(row);
            }
            return Ok(vec![true; rows.len()]);
        }
        self.flush()?;
        let mut columns = Deliveries::default();
        for row in rows {
            columns.push(row);
        }
        let values = columns.0.each_ref().map(|column| column as _);
        let made = self.with(|connection| connection.run(texts::INSERT_MISSING, &values))?;
        let made = keys(&made)?;
        Ok(rows
            .iter()
            .map(|row| made.contains(&(row.event, row.endpoint)))
            .collect())
    }

    fn settle(&self, rows: &[SettleRow]) -> Result<Vec<bool>, StoreError> {
        let numbers = |of: fn(&SettleRow) -> i64| -> Vec<i64> { rows.iter().map(of).collect() };
        let options = |of: fn(&SettleRow) -> Option<i64>| -> Vec<Option<i64>> {
            rows.iter().map(of).collect()
        };
        let (first, last) = range(rows.iter().map(|row| row.event));
        self.flush()?;
        let settled = self.with(|connection| {
            connection.run(
                texts::SETTLE,
                &[
                    &numbers(|row| row.event),
                    &numbers(|row| row.endpoint),
                    &numbers(|row| row.epoch),
                    &numbers(|row| row.fence.into()),
                    &numbers(|row| row.state.into()),
                    &options(|row| row.due_at),
                    &options(|row| row.rested_at),
                    &options(|row| row.attempts.map(i64::from)),
                    &options(|row| row.failures.map(i64::from)),
                    &options(|row| row.new_epoch),
                    &first,
                    &last,
                ],
            )
        })?;
        let settled = keys(&settled)?;
        Ok(rows
            .iter()
            .map(|row| settled.contains(&(row.event, row.endpoint)))
            .collect())
    }

    fn insert_attempts(&self, rows: &[(DeliveryId, &AttemptRecord)]) -> Result<(), StoreError> {
        let mut pending = self.pending.borrow_mut();
        for (id, record) in rows {
            pending.attempt(*id, record);
        }
        Ok(())
    }

    fn lease(&self, endpoint: i64, epoch: i64, rows: &[LeaseRow]) -> Result<(), StoreError> {
        let events: Vec<i64> = rows.iter().map(|row| row.event).collect();
        let fences: Vec<i64> = rows.iter().map(|row| row.fence.into()).collect();
        let (first, last) = range(events.iter().copied());
        self.flush()?;
        self.with(|connection| {
            connection.run(
                texts::LEASE,
                &[&endpoint, &epoch, &events, &fences, &first, &last],
            )
        })?;
        Ok(())
    }

    fn hold_key(&self, organization: OrganizationId, key: &str) -> Result<(), StoreError> {
        self.flush()?;
        self.with(|connection| {
            connection.run(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))",
                &[&key, &organization.get()],
            )
        })?;
        Ok(())
    }

    fn hold_replays(&self, endpoint: EndpointId) -> Result<(), StoreError> {
        self.flush()?;
        self.with(|connection| {
            connection.run(
                "SELECT pg_advisory_xact_lock(hashtextextended('replays', $1))",
                &[&endpoint.raw()],
            )
        })?;
        Ok(())
    }

    fn due_rows(
        &self,
        endpoint: i64,
        after: (i64, i64),
        limit: usize,
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let values = values![endpoint, limit, after.0, after.1];
        self.each(texts::DUE_ROWS, values, meet)
    }

    fn bodies(
        &self,
        events: &[i64],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (first, last) = range(events.iter().copied());
        self.flush()?;
        let rows =
            self.with(|connection| connection.run(texts::BODIES, &[&events, &first, &last]))?;
        rows.iter().try_for_each(|row| meet(row))
    }

    fn abandoned(&self) -> &'static str {
        texts::ABANDONED
    }

    fn end_dead_lives(&self) -> Result<bool, StoreError> {
        self.flush()?;
        self.with(|connection| {
            connection.run(texts::END_DEAD, &[])?;
            let ended = !connection.run(texts::ENDED_LIVES, &[])?.is_empty();
            if ended {
                connection.run(texts::SETTLE_LIVES, &[])?;
                connection.run(texts::FORGET_LIVES, &[])?;
                connection.run(texts::FORGET_COMMITS, &[])?;
            }
            Ok(ended)
        })
    }

    fn due_endpoints(
        &self,
        after: i64,
        limit: usize,
        meet: &mut dyn FnMut(i64, i64),
    ) -> Result<(), StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.flush()?;
        let rows =
            self.with(|connection| connection.run(texts::DUE_ENDPOINTS, &[&after, &limit]))?;
        for row in rows {
            meet(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }

    /// Nothing is: another node could not tell it from what is leased.
    fn removes_alone(&self) -> Result<bool, StoreError> {
        self.sql().get(
            "SELECT CAST(CAST(pg_try_advisory_xact_lock(?1 + CAST(CAST(to_regclass('bodies') AS OID) AS BIGINT)) AS INT) AS BIGINT)",
            values![partitions::REMOVAL],
        )
    }

    fn removable(&self, before: i64) -> i64 {
        partitions::whole_before(before)
    }

    fn removes_rows(&self) -> bool {
        false
    }

    fn remove_bodies(&self, before: i64, _at_most: i64) -> Result<Upkeep, StoreError> {
        self.with(|connection| partitions::drop_oldest(connection, &["bodies"], before))
    }

    fn remove_records(&self, before: i64) -> Result<Upkeep, StoreError> {
        const RECORDS: [&str; 3] = ["attempts", "deliveries", "events"];
        self.with(|connection| partitions::drop_oldest(connection, &RECORDS, before))
    }

    /// The server's own vacuum and log have their own time (docs/operate/retention.md).
    fn scrub(&self) {}

    fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        self.sql().all(texts::NODES, values![], |row| {
            Ok(Node {
                name: row.get(0)?,
                since: None,
                alive: row.get(1)?,
            })
        })
    }

    fn bytes(&self) -> Result<u64, StoreError> {
        let bytes: i64 = self
            .sql()
            .get("SELECT pg_database_size(current_database())", values![])?;
        Ok(bytes.unsigned_abs())
    }

    fn sets_aside(&self) -> bool {
        false
    }

    fn list(&self, now: Timestamp) -> Result<Option<Upkeep>, StoreError> {
        self.flush()?;
        let transaction = self.transaction.borrow().clone().unwrap_or_default();
        let lists = &mut *self.lists.borrow_mut();
        self.with(|connection| lists.step(connection, transaction, now))
            .map(Some)
    }
}

/// The (event, endpoint) of each row.
fn keys(rows: &[postgres::Row]) -> Result<HashSet<(i64, i64)>, StoreError> {
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// The smallest and the largest event, so that only their partitions are looked at.
fn range(events: impl Iterator<Item = i64> + Clone) -> (i64, i64) {
    let (first, last) = (events.clone().min(), events.max());
    (first.unwrap_or(0), last.unwrap_or(0))
}
