//! What the store's logic asks of a database, and what it gets: the seam between one logic and its databases.
//!
//! Statements are written once, in the SQL that SQLite reads: `?1` for a value, `INDEXED BY` to hold a plan, `CROSS JOIN …
//! ON` to hold an order. A database that writes these differently translates them by itself. Values are integers, texts
//! and bytes, and nothing else: truth is 0 or 1, a moment is microseconds since the epoch.
//!
//! What runs for every event has verbs of its own here ([`Database`]), because how to be fast is the database's own matter.

pub(crate) use super::values::values;
pub use super::values::{AsValue, Field, Row, Value, micros, unreadable};

use crate::store::StoreError;
use crate::store::health::Node;
use crate::store::queue::{AttemptRecord, Upkeep};
use tidings_core::delivery::State;
use tidings_core::id::{DeliveryId, EndpointId, KeyId, OrganizationId, Stripe};
use tidings_core::time::Timestamp;

/// A connection, inside a transaction or on a snapshot.
pub trait Sql {
    /// Runs a statement that answers no rows. Answers how many rows it changed.
    ///
    /// # Errors
    /// The database failed.
    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, StoreError>;

    /// Runs a statement and shows each row of its answer. Nothing else may be asked of the connection meanwhile.
    ///
    /// # Errors
    /// The database failed, or `meet` did: then no further row is shown.
    fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

impl dyn Sql + '_ {
    /// All rows of an answer, which must be few.
    ///
    /// # Errors
    /// The database failed, or a row cannot be read.
    pub fn all<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.each(sql, values, &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The only row of an answer, if it has one.
    ///
    /// # Errors
    /// The database failed, or the row cannot be read.
    pub fn one<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.each(sql, values, &mut |row| {
            if found.is_none() {
                found = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The only value of an answer of one row.
    ///
    /// # Errors
    /// The database failed, or answered nothing.
    pub fn get<T: Field>(&self, sql: &'static str, values: &[Value<'_>]) -> Result<T, StoreError> {
        self.one(sql, values, |row| row.get(0))?
            .ok_or_else(|| StoreError::Internal {
                what: String::from("a question had no answer"),
            })
    }

    /// Whether an answer has a row.
    ///
    /// # Errors
    /// The database failed.
    pub fn exists(&self, sql: &'static str, values: &[Value<'_>]) -> Result<bool, StoreError> {
        Ok(self.one(sql, values, |_| Ok(()))?.is_some())
    }
}

/// An event to store, with its body.
#[derive(Debug, Clone, Copy)]
pub struct EventRow<'a> {
    /// Its id.
    pub id: i64,
    /// Its owner.
    pub organization: i64,
    /// Its type's number.
    pub name: i64,
    /// Whether it reaches others.
    pub public: bool,
    /// Whether it is a test send.
    pub test: bool,
    /// When it was accepted, microseconds.
    pub accepted_at: i64,
    /// The producer's own id.
    pub reference: Option<&'a str>,
    /// Of `data`.
    pub hash: &'a [u8; 16],
    /// Its body.
    pub data: &'a [u8],
}

/// A delivery to store; its first try is yet to come.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryRow {
    /// Of which event.
    pub event: i64,
    /// To which endpoint.
    pub endpoint: i64,
    /// The recipient.
    pub organization: i64,
    /// The event type's number.
    pub name: i64,
    /// The form, as it is stored.
    pub audience: i64,
    /// Its state's code.
    pub state: u8,
    /// Its round's code.
    pub round: u8,
    /// From when on, microseconds.
    pub due_at: i64,
    /// Whose lease.
    pub epoch: i64,
    /// Which claim.
    pub fence: u32,
}

/// A due delivery to lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRow {
    /// Of which event.
    pub event: i64,
    /// Which claim this is.
    pub fence: u32,
    /// Whether it is set aside, not in the index of due rows.
    pub aside: bool,
}

/// The end of a claim; what is `None` stays as it was.
#[derive(Debug, Clone, Copy)]
pub struct SettleRow {
    /// Of which event.
    pub event: i64,
    /// To which endpoint.
    pub endpoint: i64,
    /// Whose lease.
    pub epoch: i64,
    /// Which claim.
    pub fence: u32,
    /// The code of its state from now on. A cancelled one that was being sent again stays delivered.
    pub state: u8,
    /// When it is due, microseconds.
    pub due_at: Option<i64>,
    /// When it came to rest, microseconds.
    pub rested_at: Option<i64>,
    /// Requests made.
    pub attempts: Option<u32>,
    /// Failures that count.
    pub failures: Option<u8>,
    /// Whose lease it is from now on.
    pub new_epoch: Option<i64>,
}

impl SettleRow {
    /// Whether the delivery waits for a further try and is not in the index of due rows yet (`aside`).
    pub fn is_set_aside(&self) -> bool {
        self.state == State::InFlight.code()
    }
}

/// What a transaction begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The life of this node that it belongs to.
    pub epoch: i64,
    /// The version of the directory in the database, where other nodes may change it.
    pub version: Option<i64>,
    /// The ids that may be given in it, where other nodes give some; `None` for all.
    pub stripe: Option<Stripe>,
}

/// What a transaction is for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Deliveries, lists, upkeep.
    #[default]
    Work,
    /// A change of the directory: one at a time, whichever node makes it.
    Directory,
}

/// What of the directory a transaction changed: what other nodes are to read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryChange {
    /// An organization, with its endpoints and keys.
    Organization(OrganizationId),
    /// A key of no organization.
    Key(KeyId),
    /// Event types.
    Catalogue,
}

/// The writer's connection: transactions, and the verbs that run for every event.
pub trait Database: Sql {
    /// The connection for everything else.
    fn sql(&self) -> &dyn Sql;

    /// Reads and writes what tells whether a master key fits: a question without values, a statement with one.
    fn canary(&self) -> [&'static str; 2];

    /// Opens a transaction that may write.
    ///
    /// # Errors
    /// It could not be opened.
    fn begin(&self, purpose: Purpose, now: Timestamp) -> Result<Begun, StoreError>;

    /// Puts a change of the directory on the record for other nodes; answers the directory's version from now on, where
    /// there can be others.
    ///
    /// # Errors
    /// The database failed.
    fn note_change(&self, change: DirectoryChange) -> Result<Option<i64>, StoreError>;

    /// Makes it durable.
    ///
    /// # Errors
    /// Nothing of it is stored.
    fn commit(&self) -> Result<(), StoreError>;

    /// Undoes what is open, if anything is.
    fn rollback(&self);

    /// Stores an event and its body.
    ///
    /// # Errors
    /// The database failed.
    fn insert_event(&self, event: &EventRow<'_>) -> Result<(), StoreError>;

    /// Stores deliveries of one event, each unless there is one to this endpoint; answers which are new. Of a `fresh` event
    /// there is none before.
    ///
    /// # Errors
    /// The database failed.
    fn insert_deliveries(&self, rows: &[DeliveryRow], fresh: bool)
    -> Result<Vec<bool>, StoreError>;

    /// Ends claims; answers which were still held.
    ///
    /// # Errors
    /// The database failed.
    fn settle(&self, rows: &[SettleRow]) -> Result<Vec<bool>, StoreError>;

    /// Stores attempts, each once.
    ///
    /// # Errors
    /// The database failed.
    fn insert_attempts(&self, rows: &[(DeliveryId, &AttemptRecord)]) -> Result<(), StoreError>;

    /// Leases due deliveries of an endpoint to a life of a node.
    ///
    /// # Errors
    /// The database failed.
    fn lease(&self, endpoint: i64, epoch: i64, rows: &[LeaseRow]) -> Result<(), StoreError>;

    /// Lets nobody else use an idempotency key until this transaction ends.
    ///
    /// # Errors
    /// The database failed.
    fn hold_key(&self, organization: OrganizationId, key: &str) -> Result<(), StoreError>;

    /// Lets nobody else start a replay to an endpoint until this transaction ends.
    ///
    /// # Errors
    /// The database failed.
    fn hold_replays(&self, endpoint: EndpointId) -> Result<(), StoreError>;

    /// Shows an endpoint's first due rows by time and event, at most so many: event, organization, name, audience, round,
    /// attempts, failures, due at, fence. What comes up to `after` may be left out.
    ///
    /// # Errors
    /// The database failed, or `meet` did.
    fn due_rows(
        &self,
        endpoint: i64,
        after: (i64, i64),
        limit: usize,
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Shows event, hash and data of the body of the first of these events, if it is there, and those of others if that
    /// costs no more.
    ///
    /// # Errors
    /// The database failed, or `meet` did.
    fn bodies(
        &self,
        events: &[i64],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// The statement for leased rows whose lease ended with a node's life (`recover`).
    fn abandoned(&self) -> &'static str;

    /// Ends the lives of nodes whose lease ran out; answers whether any life that ended may have left something leased.
    ///
    /// # Errors
    /// The database failed.
    fn end_dead_lives(&self) -> Result<bool, StoreError>;

    /// Shows the earliest due time of each of at most `limit` endpoints after `after`, ascending.
    ///
    /// # Errors
    /// The database failed.
    fn due_endpoints(
        &self,
        after: i64,
        limit: usize,
        meet: &mut dyn FnMut(i64, i64),
    ) -> Result<(), StoreError>;

    /// Whether no other node removes what was kept long enough while this transaction lasts.
    ///
    /// # Errors
    /// The database failed.
    fn removes_alone(&self) -> Result<bool, StoreError>;

    /// Of what lies before an event, up to which event it can be removed now: to the end of whole partitions.
    fn removable(&self, before: i64) -> i64;

    /// Whether records are removed row by row; otherwise [`Database::remove_records`] removes them.
    fn removes_rows(&self) -> bool;

    /// Removes bodies of events before this one, at most so many or a partition.
    ///
    /// # Errors
    /// The database failed.
    fn remove_bodies(&self, before: i64, at_most: i64) -> Result<Upkeep, StoreError>;

    /// Removes a partition of records that lies before this event, where there are any.
    ///
    /// # Errors
    /// The database failed.
    fn remove_records(&self, before: i64) -> Result<Upkeep, StoreError>;

    /// Has what was removed leave the log beside the database, too, soon after this commit; where that is in our hands.
    fn scrub(&self);

    /// The nodes that are alive, and those that were lost lately.
    ///
    /// # Errors
    /// The database failed.
    fn nodes(&self) -> Result<Vec<Node>, StoreError>;

    /// Bytes of the database and its log.
    ///
    /// # Errors
    /// The database failed.
    fn bytes(&self) -> Result<u64, StoreError>;

    /// Whether due rows are set aside before they are indexed (`aside`): where the writer is alone.
    fn sets_aside(&self) -> bool;

    /// Writes the next part of the lists by itself, if it does that: `None` when the writer notes and writes them
    /// (`upkeep::listing`).
    ///
    /// # Errors
    /// The database failed.
    fn list(&self, now: Timestamp) -> Result<Option<Upkeep>, StoreError>;
}
