//! The contract on SQLite: a folder of its own for every test, and a look into the file from outside.

use crate::upgrade::{migrations, statements};
use rusqlite::Connection;
use std::sync::Arc;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::store::StoreError;
use tidings::store::handover::Handover;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::sqlite::{self, Options};
use tidings_core::id::EventId;

/// Where a test's data is; gone with it.
pub struct Place(pub TempDir);

impl Place {
    /// The newest format, and from which on there are statistics, accounts, chains of the audit log, and sealed headers.
    pub const FORMATS: usize = 12;
    pub const STATS: usize = 3;
    pub const ACCOUNTS: usize = 4;
    pub const AUDIT: usize = 5;
    pub const SEALED_HEADERS: usize = 10;
    /// What makes a sum a number to read.
    pub const INT: &str = "";

    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn open(
        &self,
        clock: &Clock,
        handover: Handover,
        key: MasterKey,
    ) -> Result<Arc<SqlStore>, StoreError> {
        sqlite::open(Options {
            directory: self.0.path().to_owned(),
            clock: clock.clone(),
            handover,
            key,
        })
    }

    fn outside(&self) -> Connection {
        Connection::open(self.0.path().join("tidings.db")).unwrap()
    }

    /// Makes the database of an old format, with what it starts with.
    pub fn begin_format(&self, format: usize, canary: &[u8], listed_to: EventId) {
        let outside = self.outside();
        outside
            .execute_batch("PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")
            .unwrap();
        for migration in migrations("sqlite").iter().take(format) {
            outside.execute_batch(migration).unwrap();
        }
        outside
            .execute_batch(&format!(
                "PRAGMA user_version = {format}; PRAGMA application_id = 0x54444E47;
                 INSERT INTO meta VALUES ('written_by', '0.0.{format}'), ('canary', {}), ('listed_to', {});
                 INSERT INTO nodes VALUES (1, 1, 0);",
                bytes(canary),
                listed_to.raw()
            ))
            .unwrap();
    }

    /// What is on the disk when the process is killed in a migration after so many statements; none if it has fewer.
    pub fn killed_in(self, format: usize, done: usize) -> Option<Self> {
        let all = statements(&migrations("sqlite")[format - 1]);
        let outside = self.outside();
        // Pages go to the log as soon as they can, so that a part of it is there.
        outside
            .execute_batch("PRAGMA cache_size = 1; BEGIN")
            .unwrap();
        for statement in all.get(..done)? {
            outside.execute_batch(statement).unwrap();
        }
        let after = Self::new();
        for entry in std::fs::read_dir(self.0.path()).unwrap() {
            let entry = entry.unwrap();
            // The log's index is made anew by whoever comes first.
            if !entry.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(entry.path(), after.0.path().join(entry.file_name())).unwrap();
            }
        }
        Some(after)
    }

    /// As a newer version leaves it.
    pub fn written_by_newer(&self, version: &str) {
        self.run(&format!(
            "UPDATE meta SET value = '{version}' WHERE key = 'written_by'; PRAGMA user_version = 99"
        ));
    }

    /// Runs statements from outside, in one commit.
    pub fn run(&self, sql: &str) {
        self.outside()
            .execute_batch(&format!("BEGIN IMMEDIATE; {sql}; COMMIT;"))
            .unwrap();
    }

    /// Rows of numbers.
    pub fn numbers(&self, sql: &str) -> Vec<Vec<Option<i64>>> {
        let outside = self.outside();
        let mut statement = outside.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|column| row.get(column)).collect()
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Rows of one text.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let outside = self.outside();
        let mut statement = outside.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// All that the database keeps, as bytes: every file of it.
    pub fn dump(&self) -> Vec<Vec<u8>> {
        std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect()
    }
}

/// Bytes as a statement writes them.
pub fn bytes(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{hex}'")
}
