//! The contract on PostgreSQL: a schema of its own for every test in the database that `TIDINGS_TEST_POSTGRES` names
//! (`./test` starts one), and a look at its tables from outside.

use crate::upgrade::{migrations, statements};
use postgres::{Client, NoTls};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use tidings::clock::Clock;
use tidings::store::StoreError;
use tidings::store::handover::Handover;
use tidings::store::postgres::{self as store, Address, Options};
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings_core::id::EventId;
use tidings_core::time::Timestamp;

/// Where a test's data is; gone with it.
pub struct Place {
    url: String,
    schema: String,
}

fn database() -> String {
    std::env::var("TIDINGS_TEST_POSTGRES").expect(
        "TIDINGS_TEST_POSTGRES names no database: run `./test`, or `tests/postgres/cluster.sh start DIRECTORY`",
    )
}

/// A connection waits for its answers, which is not allowed on a runtime's thread.
fn elsewhere<T: Send>(work: impl FnOnce(&mut Client) -> T + Send, url: &str) -> T {
    std::thread::scope(|threads| {
        let work = threads.spawn(|| work(&mut Client::connect(url, NoTls).unwrap()));
        work.join().unwrap()
    })
}

/// A transaction from outside that goes on; undone when this is dropped.
pub struct Held {
    ends: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.ends.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Place {
    /// The newest format, and from which on there are statistics, accounts, chains of the audit log, and sealed headers.
    pub const FORMATS: usize = 11;
    pub const STATS: usize = 2;
    pub const ACCOUNTS: usize = 3;
    pub const AUDIT: usize = 4;
    pub const SEALED_HEADERS: usize = 9;
    /// What makes a sum a number to read.
    pub const INT: &str = "::int8";

    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("contract_{}_{number}", std::process::id());
        let url = database();
        elsewhere(
            |client| {
                let make =
                    format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
                client.batch_execute(&make).unwrap();
            },
            &url,
        );
        Self {
            url: format!("{url}&options=-csearch_path%3D{schema}"),
            schema,
        }
    }

    pub fn open(
        &self,
        clock: &Clock,
        handover: Handover,
        key: MasterKey,
    ) -> Result<Arc<SqlStore>, StoreError> {
        self.open_as("one", clock, handover, key)
    }

    /// As a node with this name.
    pub fn open_as(
        &self,
        node: &str,
        clock: &Clock,
        handover: Handover,
        key: MasterKey,
    ) -> Result<Arc<SqlStore>, StoreError> {
        store::open(Options {
            address: Address::parse(&self.url, &[]).unwrap(),
            node: node.to_owned(),
            clock: clock.clone(),
            handover,
            key,
            unsafe_durability: false,
        })
    }

    /// As a node that reaches the database over another address.
    pub fn open_over(
        &self,
        over: &SocketAddr,
        node: &str,
        clock: &Clock,
        handover: Handover,
    ) -> Result<Arc<SqlStore>, StoreError> {
        let (real, wire) = (format!(":{}/", self.port()), format!(":{}/", over.port()));
        open_at(&self.url.replace(&real, &wire), node, clock, handover)
    }

    /// With one more option of the session.
    pub fn open_with(
        &self,
        option: &str,
        clock: &Clock,
        handover: Handover,
    ) -> Result<Arc<SqlStore>, StoreError> {
        let url = format!("{}%20{option}", self.url);
        open_at(&url, "one", clock, handover)
    }

    /// Over TLS, with these authorities beside the system's.
    pub fn open_encrypted(
        &self,
        authorities: &[rustls::pki_types::CertificateDer<'static>],
        clock: &Clock,
        handover: Handover,
    ) -> Result<Arc<SqlStore>, StoreError> {
        let url = self.url.replace("127.0.0.1", "localhost");
        let url = url.replace("sslmode=disable", "sslmode=require");
        store::open(Options {
            address: Address::parse(&url, authorities).unwrap(),
            node: String::from("one"),
            clock: clock.clone(),
            handover,
            key: MasterKey::from_bytes([7; 32]),
            unsafe_durability: false,
        })
    }

    /// Makes the database of an old format, with what it starts with.
    pub fn begin_format(&self, format: usize, canary: &[u8], listed_to: EventId) {
        let week = 7 * 86_400;
        let begin = listed_to.time().as_seconds().div_euclid(week) * week;
        let bound = |second: i64| EventId::first_at(Timestamp::from_millis(second * 1_000)).raw();
        let (from, to) = (bound(begin), bound(begin + week));
        let name = Timestamp::from_millis(begin * 1_000).rfc3339();
        let day: String = name.chars().take(10).filter(char::is_ascii_digit).collect();
        let partitions: String = ["events", "bodies", "deliveries", "attempts"]
            .iter()
            .map(|table| {
                format!("CREATE TABLE {table}_{day} PARTITION OF {table} FOR VALUES FROM ({from}) TO ({to});")
            })
            .collect();
        let formats: String = (1..=format)
            .map(|format| {
                format!(
                    "INSERT INTO formats (format, written_by) VALUES ({format}, '0.0.{format}');"
                )
            })
            .collect();
        self.run(&format!(
            "CREATE TABLE formats (
                format BIGINT PRIMARY KEY, written_by TEXT NOT NULL, written_at TIMESTAMPTZ NOT NULL DEFAULT now());
             {formats}{};{partitions}
             INSERT INTO canary VALUES ({});
             UPDATE meta SET value = {} WHERE key = 'listed_to';
             INSERT INTO lives VALUES (1, 'gone', 0, now() - interval '1 day', now());
             SELECT setval('epochs', 1)",
            migrations("postgres").iter().take(format).cloned().collect::<Vec<_>>().join(";\n"),
            bytes(canary),
            listed_to.raw()
        ));
    }

    /// What is there when the process is killed in a migration after so many statements; none if it has fewer.
    pub fn killed_in(self, format: usize, done: usize) -> Option<Self> {
        let all = statements(&migrations("postgres")[format - 1]);
        let part = all.get(..done)?.to_vec();
        elsewhere(
            move |client| {
                // The connection ends without a commit.
                client.batch_execute("BEGIN").unwrap();
                for statement in &part {
                    client.batch_execute(statement).unwrap();
                }
            },
            &self.url,
        );
        Some(self)
    }

    /// As a newer version leaves it.
    pub fn written_by_newer(&self, version: &str) {
        self.run(&format!(
            "INSERT INTO formats (format, written_by) VALUES (99, '{version}')"
        ));
    }

    /// Where the database listens, on this machine.
    pub fn port(&self) -> u16 {
        let config: postgres::Config = self.url.parse().unwrap();
        config.get_ports()[0]
    }

    /// Runs statements from outside, in one commit.
    pub fn run(&self, sql: &str) {
        elsewhere(
            |client| {
                let all = format!("BEGIN; {sql}; COMMIT");
                client.batch_execute(&all).unwrap();
            },
            &self.url,
        );
    }

    /// Runs a statement from outside in a transaction that stays open.
    pub fn hold(&self, sql: &str) -> Held {
        let (url, begin) = (self.url.clone(), format!("BEGIN; {sql}"));
        let (began, begins) = sync_channel(1);
        let (ends, ended) = sync_channel::<()>(1);
        let thread = thread::spawn(move || {
            let mut client = Client::connect(&url, NoTls).unwrap();
            client.batch_execute(&begin).unwrap();
            began.send(()).unwrap();
            let _dropped = ended.recv();
        });
        begins.recv().unwrap();
        Held {
            ends: Some(ends),
            thread: Some(thread),
        }
    }

    /// Rows of numbers.
    pub fn numbers(&self, sql: &str) -> Vec<Vec<Option<i64>>> {
        elsewhere(
            |client| {
                let rows = client.query(sql, &[]).unwrap();
                let numbers =
                    |row: &postgres::Row| (0..row.len()).map(|column| row.get(column)).collect();
                rows.iter().map(numbers).collect()
            },
            &self.url,
        )
    }

    /// Rows of one text.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        elsewhere(
            |client| {
                let rows = client.query(sql, &[]).unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            },
            &self.url,
        )
    }

    /// All that the database keeps, as bytes: every column of every row.
    pub fn dump(&self) -> Vec<Vec<u8>> {
        let tables = self.texts(&format!(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = '{}'",
            self.schema
        ));
        let rows = tables
            .iter()
            .flat_map(|table| self.texts(&format!("SELECT t::text FROM {table} AS t")));
        rows.flat_map(|row| [unhexed(&row), row.into_bytes()])
            .collect()
    }
}

/// What a row holds as `\\x…`, as bytes.
fn unhexed(row: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for part in row.split("\\x").skip(1) {
        let digits: Vec<u8> = part.bytes().take_while(u8::is_ascii_hexdigit).collect();
        for pair in digits.chunks_exact(2) {
            let pair = std::str::from_utf8(pair).unwrap();
            all.push(u8::from_str_radix(pair, 16).unwrap());
        }
    }
    all
}

fn open_at(
    url: &str,
    node: &str,
    clock: &Clock,
    handover: Handover,
) -> Result<Arc<SqlStore>, StoreError> {
    store::open(Options {
        address: Address::parse(url, &[]).unwrap(),
        node: node.to_owned(),
        clock: clock.clone(),
        handover,
        key: MasterKey::from_bytes([7; 32]),
        unsafe_durability: false,
    })
}

impl Drop for Place {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        elsewhere(|client| client.batch_execute(&drop), &self.url).ok();
    }
}

/// Bytes as a statement writes them.
pub fn bytes(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{hex}'::bytea")
}
