//! The host's own SQLite database `default`, which is used where no server is set.

use crate::pool::{Connect, Lease, Pool};
use crate::sql::{DatabaseError, Row, Sql, Value};
use connectivity_migrations::STEPS;
use connectivity_runtime::log::{self, Level};
use spin_sdk::sqlite::{Connection, Error, Value as SqliteValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Opens connections to the database `default`.
#[derive(Default)]
pub(super) struct Embedded {
    /// Set once the schema is up to date. It stays so, because its steps only add.
    has_schema: AtomicBool,
}

impl Connect for Embedded {
    type Connection = Connection;
    type Error = DatabaseError;

    async fn open(&self) -> Result<Connection, DatabaseError> {
        Connection::open_default().await.map_err(|error| translate(&error))
    }
}

/// What to run.
pub(super) enum Work {
    /// One statement, and its parameters.
    Statement(&'static str, Vec<Value>),
    /// Statements that take effect together, without rows.
    Transaction(Vec<(Sql, Vec<Value>)>),
}

/// Runs work until `deadline`.
pub(super) async fn run(pool: &Arc<Pool<Embedded>>, deadline: Instant, work: Work) -> Result<Vec<Row>, DatabaseError> {
    pool.with(deadline, move |lease| run_on(lease, work)).await?
}

async fn run_on(lease: Lease<Embedded>, work: Work) -> Result<Vec<Row>, DatabaseError> {
    let Some(connection) = lease.connection() else {
        return Err(DatabaseError::Unavailable("no connection".into()));
    };
    let running = async {
        migrate(&lease.connector().has_schema, connection).await?;
        match work {
            Work::Statement(sql, parameters) => execute(connection, sql, parameters).await,
            Work::Transaction(statements) => transaction(connection, statements).await.map(|()| Vec::new()),
        }
    };
    let result = running.await;
    // There is no network to break, so the connection works after an error too.
    lease.give_back();
    result.map_err(|error| translate(&error))
}

async fn transaction(connection: &Connection, statements: Vec<(Sql, Vec<Value>)>) -> Result<(), Error> {
    execute(connection, "BEGIN IMMEDIATE", Vec::new()).await?;
    let work = async {
        for (sql, parameters) in statements {
            execute(connection, sql.sqlite, parameters).await?;
        }
        execute(connection, "COMMIT", Vec::new()).await
    };
    let result = work.await;
    if result.is_err() {
        // If this fails too, the connection is broken and so is its transaction.
        let _ = execute(connection, "ROLLBACK", Vec::new()).await;
    }
    result.map(|_| ())
}

async fn execute(connection: &Connection, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, Error> {
    let parameters: Vec<SqliteValue> = parameters.into_iter().map(parameter).collect();
    let rows = connection.execute(sql, parameters).await?.collect().await?;
    Ok(rows.into_iter().map(|row| row.values.into_iter().map(value).collect()).collect())
}

/// Brings the schema up to date before the instance runs its first statement.
async fn migrate(has_schema: &AtomicBool, connection: &Connection) -> Result<(), Error> {
    if has_schema.load(Ordering::Relaxed) {
        return Ok(());
    }
    let migrated = connectivity_migrations::sqlite::migrate(&mut Session(connection), &STEPS).await?;
    has_schema.store(true, Ordering::Relaxed);
    if !migrated.applied.is_empty() {
        log::line(Level::Info, "schema migrated", &[("result", migrated.to_string().into())]);
    }
    Ok(())
}

struct Session<'a>(&'a Connection);

impl connectivity_migrations::Connection for Session<'_> {
    type Error = Error;

    async fn run(&mut self, sql: &str) -> Result<Option<i64>, Error> {
        let rows = execute(self.0, sql, Vec::new()).await?;
        Ok(match rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(integer)) => Some(*integer),
            Some(Value::Null | Value::Text(_)) | None => None,
        })
    }
}

/// Parts of SQLite's messages for what another connection, or an operator, ends: another writer, a
/// full disk, a file that cannot be written.
const TEMPORARY: [&str; 5] = ["locked", "busy", "is full", "disk I/O error", "readonly database"];

fn translate(error: &Error) -> DatabaseError {
    match error {
        Error::Io(cause) if cause.contains("UNIQUE constraint") => DatabaseError::Duplicate,
        Error::Io(cause) if TEMPORARY.iter().any(|it| cause.contains(it)) => DatabaseError::Unavailable(cause.clone()),
        Error::Io(cause) => DatabaseError::Refused(cause.clone()),
        Error::NoSuchDatabase | Error::AccessDenied | Error::InvalidConnection | Error::DatabaseFull => {
            DatabaseError::Unavailable(error.to_string())
        }
    }
}

fn parameter(value: Value) -> SqliteValue {
    match value {
        Value::Null => SqliteValue::Null,
        Value::Integer(integer) => SqliteValue::Integer(integer),
        Value::Text(text) => SqliteValue::Text(text),
    }
}

fn value(value: SqliteValue) -> Value {
    match value {
        SqliteValue::Null | SqliteValue::Real(_) => Value::Null,
        SqliteValue::Integer(integer) => Value::Integer(integer),
        SqliteValue::Text(text) => Value::Text(text),
        SqliteValue::Blob(bytes) => Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
