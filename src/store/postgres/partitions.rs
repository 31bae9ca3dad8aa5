//! Partitions by id range: each holds the events of a week, is made before that week begins, and dropped when all of it was
//! kept long enough.
//!
//! Ids grow with time, so a week is a range of ids; its partitions are named after the day it begins.

use super::connection::Connection;
use super::schema;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use postgres::{Client, Transaction};
use std::time::Duration;
use tidings_core::id::EventId;
use tidings_core::time::Timestamp;

/// Seconds of one partition.
const WEEK: u64 = 7 * 24 * 3_600;
/// How far ahead partitions are there.
const AHEAD: Duration = Duration::from_secs(WEEK);
/// The lock of the node that removes what was kept long enough; the number of the table of bodies is added, since other
/// data may lie in another schema of the database.
pub(super) const REMOVAL: i64 = 0x5444_0000_0000;
/// How long dropping a partition waits for who reads there.
const PATIENCE: &str = "250ms";
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

/// Up to which event whole weeks lie before this one.
pub(super) fn whole_before(event: i64) -> i64 {
    let week = EventId::from_raw(event)
        .time()
        .as_seconds()
        .div_euclid(WEEK as i64);
    EventId::first_at(begin(week)).raw()
}

/// Drops the oldest partition of each of these tables, if it lies before this event: in the writer's transaction, and only
/// if nobody holds it up for long.
///
/// # Errors
/// The database failed, or somebody reads there.
pub(super) fn drop_oldest(
    connection: &Connection,
    tables: &[&str],
    before: i64,
) -> Result<Upkeep, StoreError> {
    let mut dropped = Upkeep::Idle;
    for table in tables {
        let rows = connection.run(
            "SELECT min(c.relname::text) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = to_regclass($1)",
            &[table],
        )?;
        let oldest = match rows.first() {
            Some(row) => row.try_get::<_, Option<String>>(0)?,
            None => None,
        };
        let end = oldest.as_deref().and_then(end_of);
        if let (Some(name), Some(end)) = (oldest, end)
            && end <= before
        {
            connection.batch(&format!(
                "SET LOCAL lock_timeout = '{PATIENCE}'; DROP TABLE {name}"
            ))?;
            dropped = Upkeep::More;
        }
    }
    Ok(dropped)
}

/// The first event after a partition of that name.
fn end_of(name: &str) -> Option<i64> {
    let day = name.rsplit('_').next().filter(|day| day.len() == 8)?;
    let (year, rest) = day.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    let begins = Timestamp::parse_rfc3339(&format!("{year}-{month}-{day}T00:00:00Z"))?;
    Some(EventId::first_at(begins.plus(Duration::from_secs(WEEK))).raw())
}

fn begin(week: i64) -> Timestamp {
    Timestamp::from_millis(week.saturating_mul(WEEK as i64 * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partitions_name_tells_where_it_ends_and_only_whole_weeks_are_removable() {
        let thursday = Timestamp::parse_rfc3339("2026-03-05T00:00:00Z").unwrap_or_default();
        let week = thursday.as_seconds().div_euclid(WEEK as i64);
        assert_eq!(
            begin(week),
            thursday,
            "weeks of the epoch begin on Thursdays"
        );
        let end = EventId::first_at(begin(week + 1)).raw();
        assert_eq!(end_of("bodies_20260305"), Some(end));
        assert_eq!(end_of("bodies_default"), None);
        assert_eq!(whole_before(end), end);
        assert_eq!(whole_before(end - 1), EventId::first_at(thursday).raw());
    }
}
