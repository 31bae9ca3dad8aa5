//! From the embedded store to PostgreSQL: everything, once, and checked.
//!
//! The server is stopped; its directory stays as it is. Rows go over in parts, each in one commit with how far it came, so
//! what was cut short goes on where it stopped. At the end every table is read back: as many rows, and the same, by a hash
//! that no order of rows changes.

mod tables;

use super::StoreError;
use super::postgres::{Address, Destination};
use super::seal::MasterKey;
use super::sql::database::{Row, Value, unreadable};
use super::sqlite;
use postgres::types::{ToSql, Type};
use rusqlite::Connection;
use std::path::Path;
use tables::{Kind, REFERENCES, TABLES, Table};
use tidings_core::id::EventId;

/// Rows of one commit.
const PART: i64 = 10_000;

/// How far it is, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many rows of a table went over, of so many.
    Carried {
        /// The table.
        table: &'static str,
        /// Rows that went over.
        rows: u64,
        /// Rows there are.
        of: u64,
    },
    /// A table was read back and is the same.
    Verified {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u64,
    },
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The other side holds something else.
    #[error(
        "the database {0} is not empty and holds no begun migration of this data; give an empty one"
    )]
    NotEmpty(String),
    /// What went over is not what there is any more.
    #[error(
        "a server ran on the data since the migration to {0} was begun, and what went over until then may be old; empty that database and start again"
    )]
    Moved(String),
    /// Nodes work on the other side.
    #[error("nodes work on the database {0}; stop them first")]
    InUse(String),
    /// What arrived is not what was sent.
    #[error(
        "{table}: {sent} rows were sent and {arrived} arrived, or not the same; nothing of the source was changed. \
         Empty the database and start again"
    )]
    Different {
        /// The table.
        table: &'static str,
        /// Rows sent.
        sent: u64,
        /// Rows read back.
        arrived: u64,
    },
}

/// How far a table is: its last key, its rows, and the sum of their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The key of the last row, `None` before the first.
    pub after: Option<Vec<Key>>,
    /// Rows so far.
    pub rows: u64,
    /// The sum of the first 16 bytes of each row's hash.
    pub sum: u128,
}

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum Key {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

impl Key {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// Carries everything over, or goes on with what was begun; `watch` is told how far it is. Blocks.
///
/// # Errors
/// See [`MigrateError`]; the source is unchanged, and a second call goes on.
pub fn run(
    directory: &Path,
    to: &Address,
    key: &MasterKey,
    watch: &mut dyn FnMut(Progress),
) -> Result<(), MigrateError> {
    let source = sqlite::open_source(directory, key)?;
    let mut destination = Destination::open(to, key, &source.identity)?;
    if let Some((first, last)) = range(&source.connection)? {
        destination.partition(first.time(), last.time())?;
    }
    for table in TABLES.iter().chain([&REFERENCES]) {
        carry(&source.connection, &mut destination, table, watch)?;
    }
    let listed_to = source
        .connection
        .query_row(
            "SELECT coalesce((SELECT value FROM meta WHERE key = 'listed_to'), 0)",
            [],
            |row| row.get(0),
        )
        .map_err(StoreError::from)?;
    for table in TABLES.iter().chain([&REFERENCES]) {
        verify(&mut destination, table, watch)?;
    }
    destination.finish(listed_to)?;
    Ok(())
}

fn range(source: &Connection) -> Result<Option<(EventId, EventId)>, StoreError> {
    let found: (Option<i64>, Option<i64>) =
        source.query_row("SELECT min(id), max(id) FROM events", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(match found {
        (Some(first), Some(last)) => Some((EventId::from_raw(first), EventId::from_raw(last))),
        _ => None,
    })
}

fn carry(
    source: &Connection,
    destination: &mut Destination,
    table: &'static Table,
    watch: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let of: i64 = source.query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| {
        row.get(0)
    })?;
    let of = of.unsigned_abs();
    let mut mark = destination.mark(table.name)?;
    loop {
        watch(Progress::Carried {
            table: table.name,
            rows: mark.rows,
            of,
        });
        if mark.rows >= of {
            return Ok(());
        }
        let before = mark.rows;
        mark = part(source, destination, table, &mark)?;
        if mark.rows == before {
            return Ok(());
        }
    }
}

/// Carries the next part over, in one commit with the mark behind it.
fn part(
    source: &Connection,
    destination: &mut Destination,
    table: &Table,
    mark: &Mark,
) -> Result<Mark, StoreError> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.1).collect();
    let key = columns.get(..table.key).unwrap_or_default().join(", ");
    let (from, values) = match &mark.after {
        Some(after) => (
            format!("WHERE ({key}) > ({})", vec!["?"; table.key].join(", ")),
            after.iter().map(Key::value).collect(),
        ),
        None => (String::new(), Vec::new()),
    };
    let text = format!(
        "SELECT {} FROM {} {from} ORDER BY {key} LIMIT {PART}",
        columns.join(", "),
        table.name
    );
    let mut statement = source.prepare(&text)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&values))?;
    let names: Vec<&str> = table.columns.iter().map(|column| column.name()).collect();
    let types: Vec<Type> = table
        .columns
        .iter()
        .map(|column| column.0.postgres())
        .collect();
    let mut next = mark.clone();
    destination.part(table.name, (&names, &types), |copy| {
        while let Some(row) = rows.next()? {
            let row: &dyn Row = row;
            let values = read(row, table)?;
            next.rows += 1;
            next.sum = next.sum.wrapping_add(hash(&values));
            next.after = Some(last_key(&values, table)?);
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            copy.write(&values)?;
        }
        Ok(next.clone())
    })
}

fn read<'a>(row: &'a dyn Row, table: &Table) -> Result<Vec<Value<'a>>, StoreError> {
    let values = table.columns.iter().enumerate().map(|(place, column)| {
        let value = row.value(place)?;
        match (column.0, value) {
            (Kind::Int, Value::Int(_))
            | (Kind::Text, Value::Text(_))
            | (Kind::Blob, Value::Blob(_))
            | (_, Value::Null) => Ok(value),
            _ => Err(unreadable(place, column.name())),
        }
    });
    values.collect()
}

fn last_key(values: &[Value<'_>], table: &Table) -> Result<Vec<Key>, StoreError> {
    let key = values.iter().take(table.key).enumerate();
    key.map(|(place, value)| match value {
        Value::Int(number) => Ok(Key::Int(*number)),
        Value::Text(text) => Ok(Key::Text((*text).to_owned())),
        Value::Null | Value::Blob(_) => Err(unreadable(place, "a key")),
    })
    .collect()
}

/// The hash of a row, by its values alone.
fn hash(values: &[Value<'_>]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        let (kind, bytes): (u8, &[u8]) = match value {
            Value::Null => (0, &[]),
            Value::Int(number) => (1, &number.to_be_bytes()),
            Value::Text(text) => (2, text.as_bytes()),
            Value::Blob(bytes) => (3, bytes),
        };
        hasher.update(&[kind]);
        hasher.update(&(bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    }
    let mut half = [0; 16];
    hasher.finalize_xof().fill(&mut half);
    u128::from_be_bytes(half)
}

/// Reads a table back.
fn verify(
    destination: &mut Destination,
    table: &'static Table,
    watch: &mut dyn FnMut(Progress),
) -> Result<(), MigrateError> {
    let sent = destination.mark(table.name)?;
    let names: Vec<&str> = table.columns.iter().map(|column| column.name()).collect();
    let (mut rows, mut sum) = (0_u64, 0_u128);
    destination.each(table.name, &names, |row| {
        rows += 1;
        sum = sum.wrapping_add(hash(&read(row, table)?));
        Ok(())
    })?;
    if (rows, sum) != (sent.rows, sent.sum) {
        return Err(MigrateError::Different {
            table: table.name,
            sent: sent.rows,
            arrived: rows,
        });
    }
    watch(Progress::Verified {
        table: table.name,
        rows,
    });
    Ok(())
}
