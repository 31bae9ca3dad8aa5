//! The writer's session: one transaction at a time, few statements in each, and an answer even when the one to COMMIT
//! is lost.
//!
//! What is inserted for every event gathers in [`Pending`] and is written in one go, at the latest before anything else is
//! asked. A transaction begins with a look at this node's life and at the directory's version, so a node whose lease ran
//! out writes nothing, and nothing is decided on an old view.
//!
//! A connection that breaks during COMMIT leaves it open whether the transaction is stored. Each leaves a row of its own in
//! `commits`, so a new connection finds out, once the transaction has ended; only where that cannot be learnt the life of the
//! node ends, and what it had leased is taken back.

use super::address::Address;
use super::connection::Connection;
use super::lists::Lists;
use super::node::Node;
use super::partitions;
use super::pending::Pending;
use super::statements as texts;
use crate::store::StoreError;
use crate::store::sql::database::{Purpose, Row, Sql, Value};
use postgres::SimpleQueryMessage;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;
use tidings_core::time::Timestamp;

/// Joins are made by key, row by row: the arrays are short and the tables long.
const SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s'; SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET jit = off; SET plan_cache_mode = force_generic_plan";
/// How long partitions must be there ahead of an event.
const ROOM: Duration = Duration::from_secs(24 * 3_600);
/// Transactions whose rows in `commits` are kept, at least.
const KEPT: i64 = 256;
/// Between two questions what became of a transaction, and how often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const ASKED: u32 = 100;
/// The connection, and what is known of it.
pub(super) struct Pg {
    address: Address,
    pub(super) location: String,
    pub(super) node: Arc<Node>,
    pub(super) connection: RefCell<Option<Connection>>,
    pub(super) pending: RefCell<Pending>,
    /// The number of the open transaction.
    pub(super) transaction: RefCell<Option<String>>,
    /// How many transactions this writer began.
    number: Cell<i64>,
    /// Events from one moment to another find a partition.
    partitioned: Cell<(Timestamp, Timestamp)>,
    /// Whether the life must end, because nobody knows what it holds.
    unsure: Cell<bool>,
    /// How far the lists are.
    pub(super) lists: RefCell<Lists>,
}

/// What a transaction found when it began.
pub(super) struct Found {
    pub(super) version: i64,
    pub(super) transaction: String,
    pub(super) lives: bool,
}

impl Pg {
    /// A writer that connects when it is first used.
    pub(super) fn new(address: Address, node: Arc<Node>) -> Self {
        Self {
            location: address.name().display().to_string(),
            address,
            node,
            connection: RefCell::default(),
            pending: RefCell::default(),
            transaction: RefCell::default(),
            number: Cell::new(0),
            partitioned: Cell::default(),
            unsure: Cell::new(false),
            lists: RefCell::default(),
        }
    }

    /// Ends the node's life, so that others need not wait for its lease to run out.
    pub(super) fn leave(&self) {
        let connection = self.connection.borrow();
        if let Some(connection) = connection.as_ref()
            && let Err(error) = self.node.end_life(&mut connection.client())
        {
            tracing::warn!(%error, "this node's lease was not given back; it runs out by itself");
        }
    }

    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.connection.borrow().as_ref() {
            Some(connection) => work(connection),
            None => Err(StoreError::Unreachable {
                what: String::from("the connection is gone"),
            }),
        }
    }

    fn connect(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.borrow_mut();
        if connection.as_ref().is_none_or(Connection::is_closed) {
            *connection = None;
            *connection = Some(Connection::new(self.address.connect(SESSION)?));
        }
        Ok(())
    }

    /// Writes what gathered.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let pending = self.pending.take();
        self.with(|connection| pending.write(connection))
    }

    /// Opens the transaction; the answer of one round trip.
    pub(super) fn opened(&self, purpose: Purpose) -> Result<Found, StoreError> {
        let lock = match purpose {
            Purpose::Work => "",
            Purpose::Directory => " FOR UPDATE",
        };
        let (epoch, number) = (self.node.epoch(), self.number.get() + 1);
        self.number.set(number);
        let forget = if number % KEPT == 0 {
            format!(
                "DELETE FROM commits WHERE epoch = {epoch} AND number < {};",
                number - KEPT
            )
        } else {
            String::new()
        };
        let question = format!(
            "BEGIN; INSERT INTO commits (epoch, number) VALUES ({epoch}, {number}); {forget} SELECT version, pg_current_xact_id()::text, coalesce((SELECT ended_at IS NULL
                AND lease_until > clock_timestamp() FROM lives WHERE epoch = {epoch}), false)::int FROM directory{lock}"
        );
        // From here on there is something to roll back, whatever becomes of the question.
        self.transaction.replace(Some(String::new()));
        let answer = self.with(|connection| Ok(connection.client().simple_query(&question)?))?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let text = |column: usize| row.and_then(|row| row.get(column)).unwrap_or_default();
        let version = text(0).parse().map_err(|_| StoreError::Damaged {
            path: self.address.name().clone(),
            what: String::from("the table `directory` has no row"),
        })?;
        Ok(Found {
            version,
            transaction: text(1).to_owned(),
            lives: text(2) == "1",
        })
    }

    /// Connects, makes partitions, begins a life: whatever must be done before a transaction can begin.
    pub(super) fn ready(&self, now: Timestamp) -> Result<(), StoreError> {
        self.connect()?;
        if self.unsure.take()
            && let Err(error) = self.with(|connection| self.node.end_life(&mut connection.client()))
        {
            self.unsure.set(true);
            return Err(error);
        }
        let (from, to) = self.partitioned.get();
        // Before the first there may be none: the clock was set back.
        if now.plus(ROOM) >= to || now < from {
            let to = self.with(|connection| partitions::ensure(&mut connection.client(), now))?;
            self.partitioned.set((now, to));
        }
        Ok(())
    }

    /// What became of a transaction whose COMMIT was not answered.
    pub(super) fn resolve(&self, lost: StoreError) -> Result<(), StoreError> {
        let transaction = self.transaction.take().unwrap_or_default();
        tracing::warn!(error = %lost, "the answer to COMMIT was lost; asking what became of it");
        for _ in 0..ASKED {
            match self.was_stored(&transaction) {
                Ok(Some(true)) => return Ok(()),
                Ok(Some(false)) => return Err(lost),
                Ok(None) | Err(StoreError::Unreachable { .. } | StoreError::Overloaded) => {
                    std::thread::park_timeout(ASK_AGAIN);
                }
                Err(error) => {
                    tracing::error!(%error, "what became of a transaction cannot be asked");
                    break;
                }
            }
        }
        self.unsure.set(true);
        Err(StoreError::Unreachable {
            what: String::from("nobody knows whether the last transaction was stored"),
        })
    }

    /// Whether a transaction of this writer was stored; `None` while it has not ended.
    fn was_stored(&self, transaction: &str) -> Result<Option<bool>, StoreError> {
        self.connect()?;
        let (epoch, number) = (self.node.epoch(), self.number.get());
        self.with(|connection| {
            // Newer than any there was: a database that never saw it, after a failover.
            let status = connection.run(
                "SELECT CASE WHEN $1::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'unknown'
                    ELSE coalesce(pg_xact_status($1::text::xid8), 'unknown') END",
                &[&transaction],
            )?;
            let status: Option<String> = match status.first() {
                Some(row) => Some(row.try_get(0)?),
                None => None,
            };
            if status.as_deref() == Some("in progress") {
                return Ok(None);
            }
            // Its own row decides: after a failover another transaction may have its number.
            let row = connection.run(texts::COMMITTED, &[&epoch, &number])?;
            Ok(Some(!row.is_empty()))
        })
    }

    /// Drops a connection that broke.
    pub(super) fn drop_lost(&self) {
        let mut connection = self.connection.borrow_mut();
        if connection.as_ref().is_some_and(Connection::is_closed) {
            *connection = None;
        }
    }
}

impl Sql for Pg {
    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, StoreError> {
        self.flush()?;
        self.with(|connection| connection.execute(sql, values))
    }

    fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.flush()?;
        self.with(|connection| connection.each(sql, values, meet))
    }
}
