//! The schema and its steps. Two nodes that start at once take turns; a newer format is refused untouched.

use super::check;
use crate::store::seal::{self, MasterKey};
use crate::store::sql::database::Row;
use crate::store::{StoreError, headers};
use postgres::{Client, GenericClient, Transaction};
use std::path::Path;

/// Every format there was: the steps from nothing to now.
const MIGRATIONS: [&str; 11] = [
    include_str!("../../../migrations/postgres/0001_first.sql"),
    include_str!("../../../migrations/postgres/0002_stats.sql"),
    include_str!("../../../migrations/postgres/0003_accounts.sql"),
    include_str!("../../../migrations/postgres/0004_audit.sql"),
    include_str!("../../../migrations/postgres/0005_keeping.sql"),
    include_str!("../../../migrations/postgres/0006_notices.sql"),
    include_str!("../../../migrations/postgres/0007_former_grants.sql"),
    include_str!("../../../migrations/postgres/0008_audit_parts.sql"),
    include_str!("../../../migrations/postgres/0009_sealed_headers.sql"),
    include_str!("../../../migrations/postgres/0010_second_factors.sql"),
    include_str!("../../../migrations/postgres/0011_links_and_keys.sql"),
];
/// The first format whose custom headers are sealed: the step to it seals what was not.
const SEALED_HEADERS: usize = 9;
/// Rows that are sealed at once.
const SEALED_AT_ONCE: i64 = 1_000;
/// The lock that nodes take while they look at the schema or change it: `TDNG` and a number.
pub(super) const LOCK: i64 = 0x5444_4E47_0001;

/// Brings the database to the newest format, making everything in an empty one, and refuses a master key that its data was
/// not sealed with.
///
/// # Errors
/// The database is of a newer format, sealed with another key, or refuses.
pub(super) fn prepare(
    client: &mut Client,
    key: &MasterKey,
    location: &Path,
) -> Result<(), StoreError> {
    client.batch_execute(check::SESSION)?;
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    let found = migrate(&mut transaction, location)?;
    let sealed = transaction.query_opt("SELECT sealed FROM canary", &[])?;
    let sealed: Option<Vec<u8>> = sealed.map(|row| row.try_get(0)).transpose()?;
    if let Some(canary) = seal::check(key, sealed.as_deref(), location)? {
        transaction.execute("INSERT INTO canary (sealed) VALUES ($1)", &[&&*canary])?;
    }
    // Not before it is known that the key is the right one.
    let sealed = match found < SEALED_HEADERS {
        true => seal_headers(&mut transaction, key)?,
        false => 0,
    };
    transaction.commit()?;
    if sealed > 0 {
        tracing::info!(
            endpoints = sealed,
            "custom headers are sealed from now on; `VACUUM FULL endpoints, endpoint_versions` clears the tables of what is left of \
             them in clear"
        );
    }
    Ok(())
}

/// The format of a database that has formats, 0 for an empty one; a newer one is refused.
///
/// # Errors
/// The database is of a newer format, or failed.
pub(super) fn identify(
    client: &mut impl GenericClient,
    location: &Path,
) -> Result<usize, StoreError> {
    let newest = client.query_opt(
        "SELECT format, written_by FROM formats ORDER BY format DESC LIMIT 1",
        &[],
    )?;
    let Some(newest) = newest else {
        return Ok(0);
    };
    let found: i64 = newest.try_get(0)?;
    let (done, known) = (
        usize::try_from(found).unwrap_or(usize::MAX),
        MIGRATIONS.len(),
    );
    if done > known {
        return Err(StoreError::TooNew {
            path: location.to_owned(),
            found: u32::try_from(found).unwrap_or(u32::MAX),
            known: known as u32,
            written_by: newest.try_get(1)?,
        });
    }
    Ok(done)
}

/// Answers the format that was found.
fn migrate(transaction: &mut Transaction<'_>, location: &Path) -> Result<usize, StoreError> {
    transaction.batch_execute(
        "CREATE TABLE IF NOT EXISTS formats (
            format BIGINT PRIMARY KEY, written_by TEXT NOT NULL, written_at TIMESTAMPTZ NOT NULL DEFAULT now())",
    )?;
    let done = identify(transaction, location)?;
    for (step, sql) in (1_i64..).zip(MIGRATIONS).skip(done) {
        transaction.batch_execute(sql)?;
        transaction.execute(
            "INSERT INTO formats (format, written_by) VALUES ($1, $2)",
            &[&step, &env!("CARGO_PKG_VERSION")],
        )?;
    }
    Ok(done)
}

/// Seals the custom headers that stand in clear; answers of how many endpoints.
fn seal_headers(transaction: &mut Transaction<'_>, key: &MasterKey) -> Result<usize, StoreError> {
    let clear = transaction.prepare(
        "SELECT id, organization_id, version, header_names FROM endpoints
         WHERE header_names <> '[]' AND id > $1 ORDER BY id LIMIT $2",
    )?;
    let seal = transaction.prepare(
        "UPDATE endpoints e SET header_names = n.names, sealed_headers = n.sealed
         FROM unnest($1::bigint[], $2::text[], $3::bytea[]) AS n (id, names, sealed) WHERE e.id = n.id",
    )?;
    let (mut last, mut sealed) = (i64::MIN, 0);
    loop {
        let rows = transaction.query(&clear, &[&last, &SEALED_AT_ONCE])?;
        let (mut ids, mut names, mut blobs) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let row: &dyn Row = row;
            let of = headers::Of::stored(row.get(1)?, row.get(0)?, row.get(2)?)?;
            let now = headers::sealed_of_clear(key, of, row.text(3)?)?;
            ids.push(of.endpoint.raw());
            names.push(now.names);
            blobs.push(now.sealed.map(Vec::from));
        }
        let Some(newest) = ids.last() else {
            return Ok(sealed);
        };
        last = *newest;
        sealed += ids.len();
        transaction.execute(&seal, &[&ids, &names, &blobs])?;
    }
}
