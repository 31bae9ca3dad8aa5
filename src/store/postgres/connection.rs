//! A connection: statements prepared when first used, known by their texts.

use super::rows::translate;
use crate::store::StoreError;
use crate::store::sql::database::{Row, Sql, Value};
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::ToSql;
use postgres::{Client, Statement};
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;

/// The connection. Not for two threads at once.
pub(super) struct Connection {
    client: RefCell<Client>,
    /// By the place of their texts, which are constants.
    statements: RefCell<HashMap<(usize, usize), Statement>>,
}

impl Connection {
    /// Over an open client.
    pub(super) fn new(client: Client) -> Self {
        Self {
            client: RefCell::new(client),
            statements: RefCell::default(),
        }
    }

    /// Whether the other side is gone, as far as is known.
    pub(super) fn is_closed(&self) -> bool {
        self.client.borrow_mut().is_closed()
    }

    /// Runs statements without values or answers.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn batch(&self, sql: &str) -> Result<(), postgres::Error> {
        self.client.borrow_mut().batch_execute(sql)
    }

    /// The client itself.
    pub(super) fn client(&self) -> RefMut<'_, Client> {
        self.client.borrow_mut()
    }

    /// The prepared statement of a text.
    ///
    /// # Errors
    /// The database refuses it.
    pub(super) fn prepared(&self, sql: &'static str) -> Result<Statement, StoreError> {
        let place = (sql.as_ptr() as usize, sql.len());
        if let Some(statement) = self.statements.borrow().get(&place) {
            return Ok(statement.clone());
        }
        let statement = self.client.borrow_mut().prepare(&translate(sql))?;
        self.statements
            .borrow_mut()
            .insert(place, statement.clone());
        Ok(statement)
    }

    /// Runs a statement whose values are PostgreSQL's own, such as arrays.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn run(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<postgres::Row>, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client.borrow_mut().query(&statement, values)?)
    }
}

impl Sql for Connection {
    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, StoreError> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let changed = self.client.borrow_mut().execute(&statement, &values)?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        meet: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.prepared(sql)?;
        let mut client = self.client.borrow_mut();
        let mut rows = client.query_raw(&statement, values.iter())?;
        while let Some(row) = rows.next()? {
            meet(&row)?;
        }
        Ok(())
    }
}
