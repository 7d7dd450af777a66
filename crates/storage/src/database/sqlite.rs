//! The host's own SQLite database `default`, which is used where no server is set.

use crate::pool::{Connect, Pool};
use crate::sql::{DatabaseError, Row, Value};
use spin_sdk::sqlite::{Connection, Error, Value as SqliteValue};
use std::sync::Arc;

/// Opens connections to the database `default`.
pub struct Embedded;

impl Connect for Embedded {
    type Connection = Connection;
    type Error = DatabaseError;

    async fn open(&self) -> Result<Connection, DatabaseError> {
        Connection::open_default().await.map_err(|error| translate(&error))
    }
}

pub(super) async fn run(
    pool: &Arc<Pool<Embedded>>,
    sql: &'static str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, DatabaseError> {
    let lease = pool.lease().await?;
    let Some(connection) = lease.connection() else {
        return Err(DatabaseError::Unavailable("no connection".into()));
    };
    let parameters: Vec<SqliteValue> = parameters.into_iter().map(parameter).collect();
    let result = match connection.execute(sql, parameters).await {
        Ok(rows) => rows.collect().await,
        Err(error) => Err(error),
    };
    // There is no network to break, so the connection works after an error too.
    lease.give_back();
    let rows = result.map_err(|error| translate(&error))?;
    Ok(rows.into_iter().map(|row| row.values.into_iter().map(value).collect()).collect())
}

fn translate(error: &Error) -> DatabaseError {
    match error {
        Error::Io(cause) if cause.contains("UNIQUE constraint") => DatabaseError::Duplicate,
        Error::Io(cause) if cause.contains("locked") || cause.contains("busy") => {
            DatabaseError::Unavailable(cause.clone())
        }
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
