//! PostgreSQL's rows and statements behind the seam of `super::super::sql::database`.
//!
//! All integer columns are BIGINT; a value is written as whatever type the statement wants of it, so that one text of a
//! statement serves both databases.

use crate::store::StoreError;
use crate::store::sql::database::{Row, Value, unreadable};
use bytes::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use std::error::Error;

/// A value that does not fit where a statement puts it: a defect of the statement.
#[derive(Debug, thiserror::Error)]
#[error("a value of the wrong kind for {0}")]
struct WrongKind(Type);

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            Self::Int(number) if *kind == Type::INT4 => i32::try_from(number)?.to_sql(kind, out),
            Self::Int(number) if *kind == Type::BOOL => (number != 0).to_sql(kind, out),
            Self::Text(text) if <&str as ToSql>::accepts(kind) => text.to_sql(kind, out),
            Self::Blob(bytes) if *kind == Type::BYTEA => bytes.to_sql(kind, out),
            Self::Int(_) | Self::Text(_) | Self::Blob(_) => Err(Box::new(WrongKind(kind.clone()))),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *kind {
            Type::INT8 => i64::from_sql(kind, raw).map(Self::Int),
            Type::INT4 => i32::from_sql(kind, raw).map(|number| Self::Int(number.into())),
            Type::BOOL => bool::from_sql(kind, raw).map(|truth| Self::Int(truth.into())),
            Type::BYTEA => <&[u8]>::from_sql(kind, raw).map(Self::Blob),
            _ => <&str>::from_sql(kind, raw).map(Self::Text),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::INT8 | Type::INT4 | Type::BOOL | Type::BYTEA | Type::TEXT | Type::VARCHAR
        )
    }
}

impl Row for postgres::Row {
    fn value(&self, column: usize) -> Result<Value<'_>, StoreError> {
        self.try_get(column)
            .map_err(|error| unreadable(column, error))
    }
}

/// A statement as PostgreSQL writes it: `?1` is `$1`, plans are not held by name, an order of tables is not either, and
/// `/* lock */` at the end locks the rows (`/* lock d */` those of one table), `/* claim */` passes locked ones by.
pub(super) fn translate(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 32);
    let mut rest = sql;
    while let Some(at) = rest.find(['?', 'I', 'C', '/']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = if let Some(number) = from.strip_prefix('?') {
            out.push('$');
            number
        } else if let Some(named) = from.strip_prefix("INDEXED BY ") {
            named
                .find([' ', '\n'])
                .map_or("", |end| named.split_at(end).1)
        } else if let Some(joined) = from.strip_prefix("CROSS JOIN ") {
            out.push_str("JOIN ");
            joined
        } else if let Some((lock, after)) = lock(from) {
            out.push_str(&lock);
            after
        } else {
            let mut chars = from.chars();
            out.extend(chars.next());
            chars.as_str()
        };
    }
    out.push_str(rest);
    out
}

/// The clause that a comment at the start of `text` stands for, and what comes after it.
fn lock(text: &str) -> Option<(String, &str)> {
    let (comment, after) = text.strip_prefix("/* ")?.split_once(" */")?;
    let (verb, table) = comment.split_once(' ').unwrap_or((comment, ""));
    let of = if table.is_empty() {
        String::new()
    } else {
        format!(" OF {table}")
    };
    match verb {
        "lock" => Some((format!("FOR UPDATE{of}"), after)),
        "claim" => Some((format!("FOR UPDATE{of} SKIP LOCKED"), after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn a_statement_is_written_as_postgresql_reads_it() {
        for (ours, theirs) in [
            ("SELECT 1", "SELECT 1"),
            (
                "SELECT a FROM d INDEXED BY d_due\n WHERE b = ?1 AND c > ?12 LIMIT ?2",
                "SELECT a FROM d \n WHERE b = $1 AND c > $12 LIMIT $2",
            ),
            (
                "SELECT 1 FROM e CROSS JOIN d ON d.x = ?1",
                "SELECT 1 FROM e JOIN d ON d.x = $1",
            ),
            (
                "SELECT 1 FROM f JOIN e ON e.id = f.id LIMIT 1 /* claim f */",
                "SELECT 1 FROM f JOIN e ON e.id = f.id LIMIT 1 FOR UPDATE OF f SKIP LOCKED",
            ),
            ("SELECT 1 FROM d /* lock */", "SELECT 1 FROM d FOR UPDATE"),
            ("SELECT 7 / 2 /* half */", "SELECT 7 / 2 /* half */"),
        ] {
            assert_eq!(translate(ours), theirs);
        }
    }
}
