//! This node among others: its lives, its lease, and how fresh its view of the directory is.
//!
//! A life begins with a row in the database and holds as long as its lease is renewed, by the database's clock. What a life
//! that ended had leased is taken back by whoever comes first. A node may act on a claim only in the life that made it,
//! within its lease, and while its view of the directory is at most [`FRESH`] old: so an off switch holds everywhere after
//! that, and a node that was stopped or cut off starts nothing.

use crate::clock::{Clock, Monotonic};
use crate::store::StoreError;
use crate::store::sql::Tenure;
use postgres::Client;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tidings_core::id::Stripe;

/// How old a view of the directory may be.
const FRESH: Duration = Duration::from_secs(1);
/// How long a lease lasts without being renewed; the same number is in [`BEGIN`] and [`RENEW`].
const LEASE: Duration = Duration::from_secs(10);
/// What this node leaves of its lease unused: what it starts at its very end must still be its own.
const MARGIN: Duration = Duration::from_secs(1);

const END_OTHERS: &str = "UPDATE lives SET ended_at = clock_timestamp()
    WHERE ended_at IS NULL AND (node = $1 OR lease_until < clock_timestamp())";
const BEGIN: &str = "INSERT INTO lives (epoch, node, number, lease_until)
    SELECT nextval('epochs'), $1, min(n), clock_timestamp() + interval '10 seconds'
    FROM generate_series(0, 63) AS n
    WHERE NOT EXISTS (SELECT 1 FROM lives WHERE ended_at IS NULL AND number = n)
    RETURNING epoch, number";
const RENEW: &str = "UPDATE lives SET lease_until = clock_timestamp() + interval '10 seconds'
    WHERE epoch = $1 AND ended_at IS NULL";
const END: &str =
    "UPDATE lives SET ended_at = clock_timestamp() WHERE epoch = $1 AND ended_at IS NULL";
const NAMESAKE: &str = "SELECT 1 FROM lives WHERE node = $1 AND ended_at IS NULL AND epoch > $2";

/// The node.
#[derive(Debug)]
pub(super) struct Node {
    name: String,
    clock: Clock,
    epoch: AtomicI64,
    number: AtomicI64,
    /// The directory was known to be as it is seen here at this moment: monotonic microseconds.
    seen_at: AtomicU64,
    /// When the lease was last renewed, at the latest: monotonic microseconds.
    renewed_at: AtomicU64,
}

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewed {
    /// It goes on.
    Held,
    /// It ran out, and others may have taken what it held.
    Ended,
    /// Another process began a life under this node's name.
    Replaced,
}

impl Node {
    /// A node without a life yet.
    pub(super) const fn new(name: String, clock: Clock) -> Self {
        Self {
            name,
            clock,
            epoch: AtomicI64::new(0),
            number: AtomicI64::new(0),
            seen_at: AtomicU64::new(0),
            renewed_at: AtomicU64::new(0),
        }
    }

    /// The life it is in; 0 before the first.
    pub(super) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The ids it may give.
    pub(super) fn stripe(&self) -> Option<Stripe> {
        u8::try_from(self.number.load(Ordering::Acquire))
            .ok()
            .and_then(Stripe::of)
    }

    /// Begins a life. The one before, and those of dead nodes, end with it.
    ///
    /// # Errors
    /// The database failed, as many nodes live as can, or another process took this node's name.
    pub(super) fn begin_life(&self, client: &mut Client, location: &str) -> Result<(), StoreError> {
        let asked = self.clock.monotonic();
        let mut transaction = client.transaction()?;
        transaction.batch_execute("LOCK TABLE lives IN SHARE ROW EXCLUSIVE MODE")?;
        // At its first start it takes over from a process of its name that is gone; later, that would be one which took over
        // from it.
        let last = self.epoch();
        if last > 0
            && transaction
                .query_opt(NAMESAKE, &[&self.name, &last])?
                .is_some()
        {
            return Err(self.replaced(location));
        }
        transaction.execute(END_OTHERS, &[&self.name])?;
        let full = || StoreError::Unsuitable {
            location: location.to_owned(),
            what: format!("{} nodes work on it already; stop one first", Stripe::NODES),
        };
        let begun = transaction.query_one(BEGIN, &[&self.name]);
        let row = begun.map_err(|error| match error.code() {
            // No number was free.
            Some(&postgres::error::SqlState::NOT_NULL_VIOLATION) => full(),
            _ => error.into(),
        })?;
        let (epoch, number): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        transaction.commit()?;
        self.epoch.store(epoch, Ordering::Release);
        self.number.store(number, Ordering::Release);
        self.renewed_at.store(asked.0, Ordering::Release);
        tracing::info!(node = self.name, epoch, number, "a life of this node began");
        Ok(())
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn renew(&self, client: &mut Client) -> Result<Renewed, StoreError> {
        let (asked, epoch) = (self.clock.monotonic(), self.epoch());
        if client.execute(RENEW, &[&epoch])? > 0 {
            if epoch == self.epoch() {
                self.renewed_at.store(asked.0, Ordering::Release);
            }
            return Ok(Renewed::Held);
        }
        Ok(match client.query_opt(NAMESAKE, &[&self.name, &epoch])? {
            Some(_) if epoch == self.epoch() => Renewed::Replaced,
            _ => Renewed::Ended,
        })
    }

    /// Ends the life: what it holds is free for others at once.
    ///
    /// # Errors
    /// The database failed; the lease runs out by itself.
    pub(super) fn end_life(&self, client: &mut Client) -> Result<(), StoreError> {
        client.execute(END, &[&self.epoch()])?;
        Ok(())
    }

    /// The view of the directory was right at `moment`.
    pub(super) fn saw(&self, moment: Monotonic) {
        self.seen_at.store(moment.0, Ordering::Release);
    }

    /// The error of a process whose name another one took.
    pub(super) fn replaced(&self, location: &str) -> StoreError {
        StoreError::Replaced {
            location: PathBuf::from(location),
            node: self.name.clone(),
        }
    }
}

impl Tenure for Node {
    fn holds(&self, epoch: i64) -> bool {
        let now = self.clock.monotonic();
        let within = |since: &AtomicU64, longest: Duration| {
            let passed = now.micros_since(Monotonic(since.load(Ordering::Acquire)));
            u128::from(passed) < longest.as_micros()
        };
        epoch == self.epoch()
            && within(&self.seen_at, FRESH)
            && within(&self.renewed_at, LEASE.saturating_sub(MARGIN))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tidings_core::time::Timestamp;

    #[test]
    fn a_node_acts_only_in_its_life_within_its_lease_and_on_a_fresh_view() {
        let start = Timestamp::from_millis(1_772_357_400_000);
        let clock = Clock::manual(start);
        let node = Node::new(String::from("one"), clock.clone());
        node.epoch.store(7, Ordering::Release);
        node.renewed_at
            .store(clock.monotonic().0, Ordering::Release);
        node.saw(clock.monotonic());
        assert!(node.holds(7));
        assert!(!node.holds(6));
        clock.set(start.plus(FRESH));
        assert!(!node.holds(7), "its view is too old");
        clock.set(start.plus(Duration::from_millis(8_999)));
        node.saw(clock.monotonic());
        assert!(node.holds(7));
        clock.set(start.plus(Duration::from_secs(9)));
        node.saw(clock.monotonic());
        assert!(!node.holds(7), "its lease may have run out");
    }
}
