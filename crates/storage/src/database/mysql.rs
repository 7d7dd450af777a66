//! MySQL and MariaDB through the host.

use crate::pool::{Connect, Lease, Pool};
use crate::sql::{DatabaseError, Row, Sql, Value};
use connectivity_migrations::{MYSQL_VERSION_TABLES, NEEDED, VERSION};
use spin_sdk::mysql::{Connection, DbValue, Error, MysqlError, ParameterValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a transaction is repeated that the server has rolled back because of a deadlock.
const MAX_DEADLOCKS: u32 = 3;

/// Opens connections to one server. It holds a secret, and so has no `Debug`.
pub struct Server {
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
        Connection::open(self.address.as_str()).await.map_err(|error| match translate(&error) {
            // No statement was run: the cause is "too many connections", "access denied" and the
            // like.
            Failure::Statement(error) | Failure::Connection(error) => match error {
                DatabaseError::Refused(cause) => DatabaseError::Unavailable(cause),
                other => other,
            },
        })
    }
}

/// What an error says about its connection.
enum Failure {
    /// The server answered: the connection can be used again.
    Statement(DatabaseError),
    /// The connection is broken.
    Connection(DatabaseError),
}

pub(super) async fn run(
    pool: &Arc<Pool<Server>>,
    sql: &'static str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, DatabaseError> {
    expect_schema(pool).await?;
    run_statement(pool, sql, parameters).await
}

pub(super) async fn run_together(
    pool: &Arc<Pool<Server>>,
    statements: Vec<(Sql, Vec<Value>)>,
) -> Result<(), DatabaseError> {
    expect_schema(pool).await?;
    let statements: Vec<(&str, Vec<ParameterValue>)> = (statements.into_iter())
        .map(|(sql, parameters)| (sql.mysql, parameters.into_iter().map(parameter).collect()))
        .collect();
    let mut deadlocks = 0;
    loop {
        let lease = pool.lease().await?;
        let was_idle = lease.was_idle();
        match run_transaction(lease, &statements).await {
            Ok(()) => return Ok(()),
            Err(Failure::Connection(_)) if was_idle => {}
            // The server has rolled back this one of two transactions that waited for each other.
            Err(Failure::Statement(error)) if is_deadlock(&error) && deadlocks < MAX_DEADLOCKS => deadlocks += 1,
            Err(Failure::Statement(error) | Failure::Connection(error)) => return Err(error),
        }
    }
}

async fn run_transaction(
    lease: Lease<Server>,
    statements: &[(&'static str, Vec<ParameterValue>)],
) -> Result<(), Failure> {
    let Some(connection) = lease.connection() else {
        return Err(Failure::Connection(DatabaseError::Unavailable("no connection".into())));
    };
    let work = async {
        connection.execute("START TRANSACTION", Vec::new()).await?;
        for (sql, parameters) in statements {
            connection.execute(*sql, parameters.clone()).await?;
        }
        connection.execute("COMMIT", Vec::new()).await
    };
    let Err(error) = work.await else {
        lease.give_back();
        return Ok(());
    };
    let failure = translate(&error);
    // A connection whose transaction cannot be ended is not used again. The server ends the
    // transaction together with the connection.
    if matches!(failure, Failure::Statement(_)) && connection.execute("ROLLBACK", Vec::new()).await.is_ok() {
        lease.give_back();
    }
    Err(failure)
}

/// Fails if the schema is older than the one that this program needs.
async fn expect_schema(pool: &Arc<Pool<Server>>) -> Result<(), DatabaseError> {
    let has_schema = &pool.connector().has_schema;
    if has_schema.load(Ordering::Relaxed) {
        return Ok(());
    }
    // Spin hides why a query failed, and the connection of such a query is not used again. So
    // whether the table exists is asked before it is read.
    let tables = run_statement(pool, MYSQL_VERSION_TABLES, Vec::new()).await?;
    let versions = match integer(&tables) {
        Some(0) | None => Vec::new(),
        Some(_) => run_statement(pool, VERSION, Vec::new()).await?,
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

async fn run_statement(
    pool: &Arc<Pool<Server>>,
    sql: &'static str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, DatabaseError> {
    let parameters: Vec<ParameterValue> = parameters.into_iter().map(parameter).collect();
    let mut repeated = false;
    loop {
        let lease = pool.lease().await?;
        let was_idle = lease.was_idle();
        match run_on(lease, sql, parameters.clone()).await {
            Ok(rows) => return Ok(rows),
            // The first attempt, whose connection broke, had inserted the row.
            Err(Failure::Statement(DatabaseError::Duplicate)) if repeated => return Ok(Vec::new()),
            Err(Failure::Connection(_)) if was_idle => repeated = true,
            Err(Failure::Statement(error) | Failure::Connection(error)) => return Err(error),
        }
    }
}

async fn run_on(lease: Lease<Server>, sql: &str, parameters: Vec<ParameterValue>) -> Result<Vec<Row>, Failure> {
    let Some(connection) = lease.connection() else {
        return Err(Failure::Connection(DatabaseError::Unavailable("no connection".into())));
    };
    let result = if sql.starts_with("SELECT") {
        match connection.query(sql, parameters).await {
            Ok(answer) => {
                let (_, rows, end) = answer.into_inner();
                let rows = rows.collect().await;
                end.await.map(|()| rows).map_err(Error::MysqlError)
            }
            Err(error) => Err(error),
        }
    } else {
        connection.execute(sql, parameters).await.map(|()| Vec::new())
    };
    match result {
        Ok(rows) => {
            lease.give_back();
            Ok(rows.iter().map(|row| row.iter().map(value).collect()).collect())
        }
        Err(error) => {
            let failure = translate(&error);
            if matches!(failure, Failure::Statement(_)) {
                lease.give_back();
            }
            Err(failure)
        }
    }
}

fn is_deadlock(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Unavailable(cause) if cause.contains("code: 1213"))
}

/// Translates an error. Spin reports every failed statement as `query-failed` with the driver's
/// debug text. Only after an error that the server itself answered (`Server(ServerError { code: …
/// })`) can the connection be used again.
fn translate(error: &Error) -> Failure {
    match error {
        Error::MysqlError(MysqlError::QueryFailed(cause)) if cause.starts_with("Server") => {
            Failure::Statement(if cause.contains("code: 1062") {
                DatabaseError::Duplicate
            } else if cause.contains("code: 1205") || cause.contains("code: 1213") {
                // A lock wait timeout or a deadlock: the statement was rolled back and may be
                // repeated.
                DatabaseError::Unavailable(cause.clone())
            } else {
                DatabaseError::Refused(cause.clone())
            })
        }
        Error::MysqlError(
            MysqlError::QueryFailed(cause) | MysqlError::ConnectionFailed(cause) | MysqlError::Other(cause),
        ) => Failure::Connection(DatabaseError::Unavailable(cause.clone())),
        Error::MysqlError(MysqlError::BadParameter(cause) | MysqlError::ValueConversionFailed(cause))
        | Error::Decode(cause) => Failure::Statement(DatabaseError::Refused(cause.clone())),
    }
}

fn parameter(value: Value) -> ParameterValue {
    match value {
        Value::Null => ParameterValue::DbNull,
        Value::Integer(integer) => ParameterValue::Int64(integer),
        Value::Text(text) => ParameterValue::Str(text),
    }
}

fn value(value: &DbValue) -> Value {
    match value {
        DbValue::DbNull | DbValue::Unsupported | DbValue::Floating32(_) | DbValue::Floating64(_) => Value::Null,
        DbValue::Boolean(truth) => Value::Integer(i64::from(*truth)),
        DbValue::Int8(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Int16(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Int32(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Int64(integer) => Value::Integer(*integer),
        DbValue::Uint8(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Uint16(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Uint32(integer) => Value::Integer(i64::from(*integer)),
        DbValue::Uint64(integer) => Value::Integer(i64::try_from(*integer).unwrap_or(i64::MAX)),
        DbValue::Str(text) => Value::Text(text.clone()),
        DbValue::Binary(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}
