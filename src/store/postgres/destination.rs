//! A database as the destination of a migration: empty, or with one that was begun.
//!
//! How far each table is, is kept in the database itself (`migration`), in one commit with the rows.

use super::address::Address;
use super::{check, partitions, schema};
use crate::store::StoreError;
use crate::store::migrate::{Mark, MigrateError};
use crate::store::seal::MasterKey;
use crate::store::sql::database::Row;
use crate::store::sqlite::Identity;
use postgres::Client;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::{ToSql, Type};
use tidings_core::time::Timestamp;

/// A part may be large, and the whole is read back in one go.
const SESSION: &str =
    "SET statement_timeout = 0; SET lock_timeout = '60s'; SET synchronous_commit = on";

/// The database.
pub(in crate::store) struct Destination {
    client: Client,
}

/// Why a database is no destination.
enum Refused {
    /// Nodes work on it.
    InUse,
    /// It holds something else.
    NotEmpty,
    /// It holds what was begun of this data before a server ran on that again.
    Moved,
}

/// Where the rows of a part go.
pub(in crate::store) struct Copy<'a>(BinaryCopyInWriter<'a>);

impl Copy<'_> {
    /// One row.
    ///
    /// # Errors
    /// The database refuses it.
    pub(in crate::store) fn write(
        &mut self,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<(), StoreError> {
        Ok(self.0.write(values)?)
    }
}

impl Destination {
    /// Opens it for the data that `identity` names.
    ///
    /// # Errors
    /// It is in use, or holds something else, or refuses.
    pub(in crate::store) fn open(
        address: &Address,
        key: &MasterKey,
        identity: &Identity,
    ) -> Result<Self, MigrateError> {
        let location = address.name().display().to_string();
        let mut client = address.connect(check::SESSION)?;
        check::check(&mut client, &location, false)?;
        let fresh = client
            .query_one("SELECT to_regclass('formats') IS NULL", &[])
            .and_then(|row| row.try_get(0))
            .map_err(StoreError::from)?;
        schema::prepare(&mut client, key, address.name())?;
        client.batch_execute(SESSION).map_err(StoreError::from)?;
        let begun = Self { client }.begun(fresh, identity);
        match begun? {
            Ok(destination) => Ok(destination),
            Err(Refused::InUse) => Err(MigrateError::InUse(location)),
            Err(Refused::NotEmpty) => Err(MigrateError::NotEmpty(location)),
            Err(Refused::Moved) => Err(MigrateError::Moved(location)),
        }
    }

    /// Begins, or finds what was begun; else why not.
    fn begun(
        mut self,
        fresh: bool,
        identity: &Identity,
    ) -> Result<Result<Self, Refused>, StoreError> {
        if fresh {
            self.client.batch_execute(
                "CREATE TABLE migration (
                    name TEXT PRIMARY KEY, after TEXT, rows BIGINT NOT NULL, sum BYTEA NOT NULL)",
            )?;
            self.client.execute(
                "INSERT INTO migration (name, rows, sum) VALUES ('', $1, $2)",
                &[&identity.life, &identity.data],
            )?;
            return Ok(Ok(self));
        }
        let alive = self.client.query_opt(
            "SELECT 1 FROM lives WHERE ended_at IS NULL AND lease_until > clock_timestamp()",
            &[],
        )?;
        if alive.is_some() {
            return Ok(Err(Refused::InUse));
        }
        let table = self
            .client
            .query_one("SELECT to_regclass('migration') IS NOT NULL", &[])?;
        if !table.try_get::<_, bool>(0)? {
            return Ok(Err(Refused::NotEmpty));
        }
        let same = self.client.query_opt(
            "SELECT rows FROM migration WHERE name = '' AND sum = $1",
            &[&identity.data],
        )?;
        Ok(
            match same.map(|row| row.try_get::<_, i64>(0)).transpose()? {
                Some(life) if life == identity.life => Ok(self),
                Some(_) => Err(Refused::Moved),
                None => Err(Refused::NotEmpty),
            },
        )
    }

    /// Makes the partitions for events between two moments.
    ///
    /// # Errors
    /// The database failed.
    pub(in crate::store) fn partition(
        &mut self,
        first: Timestamp,
        last: Timestamp,
    ) -> Result<(), StoreError> {
        partitions::ensure_between(&mut self.client, first, last)
    }

    /// How far a table is.
    ///
    /// # Errors
    /// The database failed, or the mark is damaged.
    pub(in crate::store) fn mark(&mut self, table: &str) -> Result<Mark, StoreError> {
        let found = self.client.query_opt(
            "SELECT after, rows, sum FROM migration WHERE name = $1",
            &[&table],
        )?;
        let Some(row) = found else {
            return Ok(Mark::default());
        };
        let damaged = || StoreError::Internal {
            what: format!("the mark of {table} cannot be read"),
        };
        let after: Option<String> = row.try_get(0)?;
        Ok(Mark {
            after: match after {
                Some(text) => Some(serde_json::from_str(&text).map_err(|_| damaged())?),
                None => None,
            },
            rows: row.try_get::<_, i64>(1)?.unsigned_abs(),
            sum: u128::from_be_bytes(
                row.try_get::<_, &[u8]>(2)?
                    .try_into()
                    .map_err(|_| damaged())?,
            ),
        })
    }

    /// Writes a part of a table, and the mark that `fill` answers behind it, in one commit.
    ///
    /// # Errors
    /// The database failed, or `fill` did: nothing of the part is stored.
    pub(in crate::store) fn part(
        &mut self,
        table: &str,
        (columns, types): (&[&str], &[Type]),
        fill: impl FnOnce(&mut Copy<'_>) -> Result<Mark, StoreError>,
    ) -> Result<Mark, StoreError> {
        let mut transaction = self.client.transaction()?;
        let mark = {
            let into = transaction.copy_in(&format!(
                "COPY {table} ({}) FROM STDIN BINARY",
                columns.join(", ")
            ))?;
            let mut copy = Copy(BinaryCopyInWriter::new(into, types));
            let mark = fill(&mut copy)?;
            copy.0.finish()?;
            mark
        };
        let after = mark.after.as_ref().map(serde_json::to_string).transpose();
        let after = after.map_err(|error| StoreError::Internal {
            what: error.to_string(),
        })?;
        transaction.execute(
            "INSERT INTO migration (name, after, rows, sum) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET after = excluded.after, rows = excluded.rows, sum = excluded.sum",
            &[
                &table,
                &after,
                &i64::try_from(mark.rows).unwrap_or(i64::MAX),
                &mark.sum.to_be_bytes().as_slice(),
            ],
        )?;
        transaction.commit()?;
        Ok(mark)
    }

    /// Shows every row of a table, in whatever order.
    ///
    /// # Errors
    /// The database failed, or `meet` did.
    pub(in crate::store) fn each(
        &mut self,
        table: &str,
        columns: &[&str],
        mut meet: impl FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let text = format!("SELECT {} FROM {table}", columns.join(", "));
        let nothing: [&(dyn ToSql + Sync); 0] = [];
        let mut rows = self.client.query_raw(&text, nothing)?;
        while let Some(row) = rows.next()? {
            meet(&row)?;
        }
        Ok(())
    }

    /// Everything is there: nodes may start.
    ///
    /// # Errors
    /// The database failed.
    pub(in crate::store) fn finish(&mut self, listed_to: i64) -> Result<(), StoreError> {
        let mut transaction = self.client.transaction()?;
        transaction.execute(
            "UPDATE meta SET value = $1 WHERE key = 'listed_to'",
            &[&listed_to],
        )?;
        transaction.batch_execute(
            "SELECT setval(pg_get_serial_sequence('event_type_names', 'id'), max(id)) FROM event_type_names;
             UPDATE directory SET version = version + 1;
             DROP TABLE migration",
        )?;
        transaction.commit()?;
        self.client.batch_execute("ANALYZE")?;
        Ok(())
    }
}
