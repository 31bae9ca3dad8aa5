//! Partitions by id range: each holds the events of a week, and is made before that week begins.
//!
//! Ids grow with time, so a week is a range of ids; its partitions are named after the day it begins.

use super::schema;
use crate::store::StoreError;
use postgres::{Client, Transaction};
use std::time::Duration;
use tidings_core::id::EventId;
use tidings_core::time::Timestamp;

/// Seconds of one partition.
const WEEK: u64 = 7 * 24 * 3_600;
/// How far ahead partitions are there.
const AHEAD: Duration = Duration::from_secs(WEEK);
/// What is partitioned.
const TABLES: [&str; 4] = ["events", "bodies", "deliveries", "attempts"];

/// Makes the partitions of the week of `now` and of those that begin soon, unless they are there; answers until when
/// events find one.
///
/// # Errors
/// The database failed.
pub(super) fn ensure(client: &mut Client, now: Timestamp) -> Result<Timestamp, StoreError> {
    let last = now.plus(AHEAD);
    ensure_between(client, now, last)?;
    Ok(begin(last.as_seconds().div_euclid(WEEK as i64) + 1))
}

/// Makes the partitions of every week between two moments.
///
/// # Errors
/// The database failed.
pub(super) fn ensure_between(
    client: &mut Client,
    first: Timestamp,
    last: Timestamp,
) -> Result<(), StoreError> {
    let week = |moment: Timestamp| moment.as_seconds().div_euclid(WEEK as i64);
    // One node at a time makes them: two would meet in the middle.
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&schema::LOCK])?;
    for week in week(first)..=week(last) {
        make(&mut transaction, week)?;
    }
    Ok(transaction.commit()?)
}

fn make(transaction: &mut Transaction<'_>, week: i64) -> Result<(), StoreError> {
    let (from, to) = (
        EventId::first_at(begin(week)).raw(),
        EventId::first_at(begin(week + 1)).raw(),
    );
    let name = begin(week).rfc3339();
    let day: String = name.chars().take(10).filter(char::is_ascii_digit).collect();
    for table in TABLES {
        let known =
            transaction.query_one("SELECT to_regclass($1)::text", &[&format!("{table}_{day}")])?;
        if known.try_get::<_, Option<String>>(0)?.is_none() {
            transaction.batch_execute(&format!(
                "CREATE TABLE {table}_{day} PARTITION OF {table} FOR VALUES FROM ({from}) TO ({to})"
            ))?;
        }
    }
    Ok(())
}

fn begin(week: i64) -> Timestamp {
    Timestamp::from_millis(week.saturating_mul(WEEK as i64 * 1_000))
}
