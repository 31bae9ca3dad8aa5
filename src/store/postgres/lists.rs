//! The late-written lists, by statements that never leave the database: many rows at once, by whichever node is first.
//!
//! Nodes commit in another order than they give ids, so an event may only be listed once no older one can still come. Ids
//! carry the time they were given; a transaction that began before some moment gives no id after it. So a mark is set a
//! little in the past, and taken when every transaction that was open then has ended.

use super::connection::Connection;
use super::statements::LIST;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use std::time::Duration;
use tidings_core::id::EventId;
use tidings_core::time::Timestamp;

/// How much older than now an event must be to be listed: more than the clocks of nodes differ.
const BEHIND: Duration = Duration::from_secs(2);
/// Events listed in one step.
const AT_ONCE: i64 = 5_000;

/// How far the lists are, for this node.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Events up to this id are listed once every transaction before this one has ended.
    mark: Option<(i64, String)>,
}

impl Lists {
    /// Lists the next events, inside the transaction with this number.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        transaction: String,
        now: Timestamp,
    ) -> Result<Upkeep, StoreError> {
        let (up_to, after) = self.mark.get_or_insert_with(|| {
            let moment = now.minus(BEHIND);
            (
                EventId::first_at(moment).raw().saturating_sub(1),
                transaction,
            )
        });
        let ended = connection.run(
            "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8",
            &[after],
        )?;
        let ended = match ended.first() {
            Some(row) => row.try_get(0)?,
            None => false,
        };
        if !ended {
            return Ok(Upkeep::Idle);
        }
        // Another node may be at it.
        let held = connection.run(
            "SELECT value FROM meta WHERE key = 'listed_to' FOR UPDATE SKIP LOCKED",
            &[],
        )?;
        let Some(held) = held.first() else {
            return Ok(Upkeep::Idle);
        };
        let listed_to: i64 = held.try_get(0)?;
        let part = connection.run(
            "SELECT max(id) FROM (SELECT id FROM events WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) AS part",
            &[&listed_to, up_to, &AT_ONCE],
        )?;
        let last: Option<i64> = match part.first() {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        let Some(last) = last else {
            self.mark = None;
            return Ok(Upkeep::Idle);
        };
        for text in LIST {
            connection.run(text, &[&listed_to, &last])?;
        }
        connection.run(
            "UPDATE meta SET value = $1 WHERE key = 'listed_to'",
            &[&last],
        )?;
        Ok(Upkeep::More)
    }
}
