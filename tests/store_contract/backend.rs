//! The contract on SQLite: a folder of its own for every test, and a look into the file from outside.

use rusqlite::Connection;
use std::sync::Arc;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::store::StoreError;
use tidings::store::handover::Handover;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::sqlite::{self, Options};

/// Where a test's data is; gone with it.
pub struct Place(pub TempDir);

impl Place {
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
