//! What the stores of all components do alike: run statements, read rows, read pages of a history.

use crate::database::{Database, DatabaseError, Row, Sql, Value};
use connectivity_domain::page::Page;
use connectivity_domain::registry::StoreError;
use connectivity_runtime::log::{self, Level};
use std::sync::Arc;

/// A table, or several that one store keeps. Errors become [`StoreError`]; their causes are logged.
#[derive(Clone)]
pub struct Table {
    database: Arc<Database>,
    name: &'static str,
}

impl Table {
    /// Creates a table. `name` is for log lines.
    pub fn new(database: Arc<Database>, name: &'static str) -> Self {
        Self { database, name }
    }

    /// Runs a statement and returns its rows. See [`Database::run`].
    pub async fn run(&self, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.database.run(sql, parameters).await.map_err(|error| unavailable(&error))
    }

    /// Runs statements in one transaction. See [`Database::run_together`].
    pub async fn run_together(&self, statements: Vec<(Sql, Vec<Value>)>) -> Result<(), StoreError> {
        self.database.run_together(statements).await.map_err(|error| unavailable(&error))
    }

    /// Inserts a row. Returns false if a row with its key exists already.
    pub async fn insert(&self, sql: Sql, parameters: Vec<Value>) -> Result<bool, StoreError> {
        match self.database.run(sql, parameters).await {
            Ok(_) => Ok(true),
            Err(DatabaseError::Duplicate) => Ok(false),
            Err(DatabaseError::Unavailable(_) | DatabaseError::OutdatedSchema { .. } | DatabaseError::Refused(_)) => {
                Err(StoreError)
            }
        }
    }

    /// Runs a statement that writes several rows. Returns `None` if the database refuses one of them: it
    /// does not say which one, and has written none.
    pub async fn run_all(&self, sql: Sql, parameters: Vec<Value>) -> Result<Option<Vec<Row>>, StoreError> {
        match self.database.run(sql, parameters).await {
            Ok(rows) => Ok(Some(rows)),
            Err(DatabaseError::Refused(_) | DatabaseError::Duplicate) => Ok(None),
            Err(DatabaseError::Unavailable(_) | DatabaseError::OutdatedSchema { .. }) => Err(StoreError),
        }
    }

    /// Runs a query and reads its rows. It fails if `read` returns `None` for any of them, which
    /// means that the row was written by something else.
    pub async fn read<T>(
        &self,
        sql: Sql,
        parameters: Vec<Value>,
        read: impl Fn(Row) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Option<Vec<_>> = self.run(sql, parameters).await?.into_iter().map(read).collect();
        rows.ok_or_else(|| {
            log::line(Level::Error, "a row cannot be read", &[("table", self.name.into())]);
            StoreError
        })
    }

    /// Reads one page of a history, and how many rows the whole history has.
    ///
    /// `count` has `key` as its only parameter; `rows` has `key`, the limit and the offset.
    pub async fn page<T>(
        &self,
        count: Sql,
        rows: Sql,
        key: &str,
        page: Page,
        read: impl Fn(Row) -> Option<T>,
    ) -> Result<(u64, Vec<T>), StoreError> {
        let count = self.count(count, key).await?;
        let parameters = vec![Value::text(key), Value::number(page.size()), Value::number(page.offset())];
        Ok((count, self.read(rows, parameters, read).await?))
    }

    /// Runs a query that counts rows and has `key` as its only parameter.
    pub async fn count(&self, count: Sql, key: &str) -> Result<u64, StoreError> {
        let counted = self.run(count, vec![Value::text(key)]).await?;
        let Some([Value::Integer(count)]) = counted.first().map(Vec::as_slice) else { return Err(StoreError) };
        Ok(u64::try_from(*count).unwrap_or_default())
    }
}

fn unavailable(error: &DatabaseError) -> StoreError {
    match error {
        DatabaseError::Unavailable(_)
        | DatabaseError::Duplicate
        | DatabaseError::OutdatedSchema { .. }
        | DatabaseError::Refused(_) => StoreError,
    }
}
