//! MySQL and MariaDB through the host.

mod failure;
mod statement;
mod value;

use crate::pool::{Connect, Pool};
use crate::sql::{DatabaseError, Row, Sql, Value};
use connectivity_migrations::{MYSQL_VERSION_TABLES, NEEDED, VERSION};
use failure::translate;
use spin_sdk::mysql::{Connection, Error, ParameterValue};
use statement::{Sending, Session, Work};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Opens connections to one server. It holds a secret, and so has no `Debug`.
pub(super) struct Server {
    address: String,
    /// Set once the schema was found to be new enough. It stays so, because its steps only add.
    has_schema: AtomicBool,
}

impl Server {
    pub(super) fn new(address: String) -> Self {
        Self { address, has_schema: AtomicBool::new(false) }
    }
}

impl Connect for Server {
    type Connection = Connection;
    type Error = DatabaseError;

    async fn open(&self) -> Result<Connection, DatabaseError> {
        Connection::open(self.address.as_str()).await.map_err(|error| match translate(&error).into_error() {
            // No statement was run: the cause is "too many connections", "access denied" and the
            // like.
            DatabaseError::Refused(cause) => DatabaseError::Unavailable(cause),
            other => other,
        })
    }
}

impl Session for Connection {
    fn send<'a>(&'a self, sql: &'a str, parameters: &'a [ParameterValue]) -> Sending<'a> {
        Box::pin(async move {
            if !sql.starts_with("SELECT") {
                return self.execute(sql, parameters.to_vec()).await.map(|()| Vec::new());
            }
            let (_, rows, end) = self.query(sql, parameters.to_vec()).await?.into_inner();
            let rows = rows.collect().await;
            end.await.map_err(Error::MysqlError)?;
            Ok(rows.iter().map(|row| row.iter().map(value::value).collect()).collect())
        })
    }
}

pub(super) async fn run(
    pool: &Arc<Pool<Server>>,
    deadline: Instant,
    sql: &'static str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, DatabaseError> {
    expect_schema(pool, deadline).await?;
    statement::run(pool, deadline, Work::Statement(sql, values(parameters))).await
}

pub(super) async fn run_together(
    pool: &Arc<Pool<Server>>,
    deadline: Instant,
    statements: Vec<(Sql, Vec<Value>)>,
) -> Result<(), DatabaseError> {
    expect_schema(pool, deadline).await?;
    let statements = statements.into_iter().map(|(sql, parameters)| (sql.mysql, values(parameters))).collect();
    statement::run(pool, deadline, Work::Transaction(statements)).await.map(|_| ())
}

fn values(parameters: Vec<Value>) -> Vec<ParameterValue> {
    parameters.into_iter().map(value::parameter).collect()
}

/// Fails if the schema is older than the one that this program needs.
async fn expect_schema(pool: &Arc<Pool<Server>>, deadline: Instant) -> Result<(), DatabaseError> {
    let has_schema = &pool.connector().has_schema;
    if has_schema.load(Ordering::Relaxed) {
        return Ok(());
    }
    let query = |sql| statement::run(pool, deadline, Work::Statement(sql, Vec::new()));
    // Spin hides why a query failed. So whether the table exists is asked before it is read.
    let versions = match integer(&query(MYSQL_VERSION_TABLES).await?) {
        Some(0) | None => Vec::new(),
        Some(_) => query(VERSION).await?,
    };
    let found = integer(&versions).and_then(|version| u32::try_from(version).ok()).unwrap_or_default();
    if found < NEEDED {
        return Err(DatabaseError::OutdatedSchema { found });
    }
    has_schema.store(true, Ordering::Relaxed);
    Ok(())
}

/// Returns the first column of the first row if it is an integer.
fn integer(rows: &[Row]) -> Option<i64> {
    match rows.first()?.first()? {
        Value::Integer(integer) => Some(*integer),
        Value::Null | Value::Text(_) => None,
    }
}
