//! SQL over MySQL, MariaDB or the host's SQLite: one type, two adapters.

mod mysql;
mod settings;
mod sqlite;

pub use crate::sql::{DatabaseError, Insert, Row, Sql, Value};
pub use settings::DatabaseSettings;

use crate::pool::{Pool, PoolError};
use crate::recent_failures::RecentFailures;
use connectivity_runtime::instant;
use connectivity_runtime::log::{self, Level};
use std::sync::Arc;
use std::time::Duration;

/// Connections per instance. The requests of an instance share it for one statement at a time, and
/// spend most of their time at the registry. More connections cost memory and gain nothing
/// (docs/performance.md).
const CONNECTIONS: usize = 1;

/// How long a statement may take, including the wait for a connection. A durable insert takes
/// milliseconds; after this long it is better to tell the caller to try again.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. A component keeps it in a static: it holds connections, never a request's data.
pub struct Database {
    backend: Backend,
    /// The failures of statements that write.
    failed_writes: RecentFailures,
}

enum Backend {
    MySql(Arc<Pool<mysql::Server>>),
    Sqlite(Arc<Pool<sqlite::Embedded>>),
}

impl Database {
    /// Creates the database that the settings name. Nothing is connected yet.
    pub fn new(settings: &DatabaseSettings) -> Self {
        let backend = match settings {
            DatabaseSettings::MySql { address } => {
                Backend::MySql(Pool::new(mysql::Server::new(address.clone()), CONNECTIONS))
            }
            DatabaseSettings::Embedded => Backend::Sqlite(Pool::new(sqlite::Embedded::default(), 1)),
        };
        Self { backend, failed_writes: RecentFailures::default() }
    }

    /// Returns whether this is the host's own SQLite.
    pub fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Sqlite(_))
    }

    /// Returns whether the last statements of this instance that write have failed, and not because
    /// of what they write.
    pub fn is_failing(&self) -> bool {
        self.failed_writes.is_failing(instant())
    }

    /// Runs a statement and returns its rows. Failures are logged here.
    ///
    /// A pooled connection may have broken since it was last used. Then the statement is run once
    /// more on a new one. So statements must be safe to repeat: reads, updates with a condition, or
    /// inserts under a key made by the caller.
    ///
    /// The first statement of an instance is preceded by a look at the version of the schema.
    /// SQLite is brought up to date; on MySQL and MariaDB an operator does this.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OutdatedSchema`] is returned until the schema of MySQL or MariaDB is new
    /// enough.
    /// [`DatabaseError::Duplicate`] is an expected result of inserts; a repeated insert whose first
    /// attempt worked is a success.
    pub async fn run(&self, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Row>, DatabaseError> {
        let deadline = instant() + STATEMENT_TIMEOUT;
        let result = match &self.backend {
            Backend::MySql(pool) => mysql::run(pool, deadline, sql.mysql, parameters).await,
            Backend::Sqlite(pool) => sqlite::run(pool, deadline, sqlite::Work::Statement(sql.sqlite, parameters)).await,
        };
        self.noted(result, !sql.sqlite.starts_with("SELECT"))
    }

    /// Runs statements in one transaction: all of them take effect, or none does. Failures are
    /// logged here.
    ///
    /// If a pooled connection turns out to be broken, the transaction is run once more on a new one,
    /// as for [`Database::run`]: together its statements must be safe to repeat.
    ///
    /// # Errors
    ///
    /// As for [`Database::run`]. After [`DatabaseError::Unavailable`] the transaction may have taken
    /// effect.
    pub async fn run_together(&self, statements: Vec<(Sql, Vec<Value>)>) -> Result<(), DatabaseError> {
        let deadline = instant() + STATEMENT_TIMEOUT;
        let result = match &self.backend {
            Backend::MySql(pool) => mysql::run_together(pool, deadline, statements).await,
            Backend::Sqlite(pool) => {
                sqlite::run(pool, deadline, sqlite::Work::Transaction(statements)).await.map(|_| ())
            }
        };
        self.noted(result, true)
    }

    /// Logs a failure, and keeps in mind whether writing works.
    fn noted<T>(&self, result: Result<T, DatabaseError>, writes: bool) -> Result<T, DatabaseError> {
        match &result {
            Ok(_) | Err(DatabaseError::Duplicate) if writes => self.failed_writes.succeeded(),
            Err(DatabaseError::Unavailable(_)) if writes => self.failed_writes.failed(instant()),
            _ => {}
        }
        if let Err(error) = &result
            && *error != DatabaseError::Duplicate
        {
            log::line(Level::Error, "database", &[("cause", error.to_string().into())]);
        }
        result
    }
}

impl From<PoolError<Self>> for DatabaseError {
    fn from(error: PoolError<Self>) -> Self {
        match error {
            PoolError::NoConnection => Self::Unavailable("no connection became free in time".into()),
            PoolError::Open(error) => error,
            PoolError::Overdue => Self::Unavailable("no answer in time".into()),
        }
    }
}
