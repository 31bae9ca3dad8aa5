//! What the store's logic asks of a database, and what it gets: the seam between one logic and its databases.
//!
//! Statements are written once, in the SQL that SQLite reads: `?1` for a value, `INDEXED BY` to hold a plan, `CROSS JOIN …
//! ON` to hold an order. A database that writes these differently translates them by itself. Values are integers, texts
//! and bytes, and nothing else: truth is 0 or 1, a moment is microseconds since the epoch.
//!
//! What runs for every event has verbs of its own here ([`Database`]), because how to be fast is the database's own matter.

use crate::store::StoreError;
use crate::store::queue::{AttemptRecord, Upkeep};
use std::path::PathBuf;
use tidings_core::id::{DeliveryId, KeyId, OrganizationId, Stripe};
use tidings_core::time::Timestamp;

/// A value of a statement or of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// A number, a truth, a moment.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// What can be a value of a statement.
pub trait AsValue {
    /// As a value.
    fn value(&self) -> Value<'_>;
}

macro_rules! as_int {
    ($($kind:ty),*) => {$(
        impl AsValue for $kind {
            fn value(&self) -> Value<'_> {
                Value::Int(i64::from(*self))
            }
        }
    )*};
}

as_int!(i64, u32, u16, u8, bool);

impl AsValue for usize {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl AsValue for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl AsValue for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const N: usize> AsValue for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<T: AsValue + ?Sized> AsValue for &T {
    fn value(&self) -> Value<'_> {
        (*self).value()
    }
}

impl<T: AsValue + ?Sized> AsValue for Box<T> {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: AsValue + ?Sized> AsValue for std::sync::Arc<T> {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: AsValue> AsValue for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, AsValue::value)
    }
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::database::AsValue::value(&$value)),*]
    };
}
pub(crate) use values;

/// What a column of a row can be read as.
pub trait Field: Sized {
    /// The value; `None` when it is of another kind or out of range.
    fn of(value: Value<'_>) -> Option<Self>;
}

macro_rules! field_of_int {
    ($($kind:ty),*) => {$(
        impl Field for $kind {
            fn of(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::Int(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

field_of_int!(i64, u64, u32, u16, u8);

impl Field for bool {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl Field for String {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl Field for Vec<u8> {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.to_owned()),
            _ => None,
        }
    }
}

impl Field for Box<[u8]> {
    fn of(value: Value<'_>) -> Option<Self> {
        Vec::of(value).map(Into::into)
    }
}

impl<const N: usize> Field for [u8; N] {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl Field for OrganizationId {
    fn of(value: Value<'_>) -> Option<Self> {
        i64::of(value).and_then(Self::new)
    }
}

impl<T: Field> Field for Option<T> {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::of(value).map(Some),
        }
    }
}

/// A row of an answer.
pub trait Row {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// There is no such column, or it is of a kind the store never writes.
    fn value(&self, column: usize) -> Result<Value<'_>, StoreError>;
}

impl dyn Row + '_ {
    /// A column as what it is.
    ///
    /// # Errors
    /// The value is of another kind or out of range: damage, since the schema's checks let nothing else in.
    pub fn get<T: Field>(&self, column: usize) -> Result<T, StoreError> {
        T::of(self.value(column)?).ok_or_else(|| unreadable(column, std::any::type_name::<T>()))
    }

    /// A column that is a text.
    ///
    /// # Errors
    /// It is none.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.text_or_null(column)?
            .ok_or_else(|| unreadable(column, "text"))
    }

    /// A column that is a text or nothing.
    ///
    /// # Errors
    /// It is something else.
    pub fn text_or_null(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(unreadable(column, "text")),
        }
    }

    /// A column that is bytes.
    ///
    /// # Errors
    /// It is something else.
    pub fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(unreadable(column, "bytes")),
        }
    }
}

/// The error of a stored value that its type does not hold: damage.
pub fn unreadable(column: usize, what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        path: PathBuf::new(),
        what: format!("a stored value cannot be read as {what} (column {column} of a row)"),
    }
}

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

    /// The statement for an endpoint's first due rows (`queue::due_rows`).
    fn due_rows(&self) -> &'static str;

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

    /// Whether due rows are set aside before they are indexed (`aside`): where the writer is alone.
    fn sets_aside(&self) -> bool;

    /// Writes the next part of the lists by itself, if it does that: `None` when the writer notes and writes them
    /// (`upkeep::listing`).
    ///
    /// # Errors
    /// The database failed.
    fn list(&self, now: Timestamp) -> Result<Option<Upkeep>, StoreError>;
}
