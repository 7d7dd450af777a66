//! SQL over MySQL, MariaDB or the host's SQLite: one type, two adapters.

mod mysql;
mod settings;
mod sqlite;

pub use crate::sql::{DatabaseError, Row, Sql, Value};
pub use settings::DatabaseSettings;

use crate::pool::Pool;
use connectivity_runtime::deadline::timeout_detached;
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
pub enum Database {
    /// MySQL or MariaDB.
    MySql(Arc<Pool<mysql::Server>>),
    /// The host's SQLite database `default`.
    Sqlite(Arc<Pool<sqlite::Embedded>>),
}

impl Database {
    /// Creates the database that the settings name. Nothing is connected yet.
    pub fn new(settings: &DatabaseSettings) -> Self {
        match settings {
            DatabaseSettings::MySql { address } => {
                Self::MySql(Pool::new(mysql::Server::new(address.clone()), CONNECTIONS))
            }
            DatabaseSettings::Embedded => Self::Sqlite(Pool::new(sqlite::Embedded::default(), 1)),
        }
    }

    /// Returns whether this is the host's own SQLite.
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
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
        let work = match self {
            Self::MySql(pool) => {
                let pool = Arc::clone(pool);
                timeout_detached(STATEMENT_TIMEOUT, async move { mysql::run(&pool, sql.mysql, parameters).await }).await
            }
            Self::Sqlite(pool) => {
                let pool = Arc::clone(pool);
                timeout_detached(STATEMENT_TIMEOUT, async move { sqlite::run(&pool, sql.sqlite, parameters).await })
                    .await
            }
        };
        logged(work)
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
        let work = match self {
            Self::MySql(pool) => {
                let pool = Arc::clone(pool);
                timeout_detached(STATEMENT_TIMEOUT, async move { mysql::run_together(&pool, statements).await }).await
            }
            Self::Sqlite(pool) => {
                let pool = Arc::clone(pool);
                timeout_detached(STATEMENT_TIMEOUT, async move { sqlite::run_together(&pool, statements).await }).await
            }
        };
        logged(work)
    }
}

/// Logs a failure. `None` means that the timeout passed.
fn logged<T>(result: Option<Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
    let result = result.unwrap_or_else(|| Err(DatabaseError::Unavailable("no answer in time".into())));
    if let Err(error) = &result
        && *error != DatabaseError::Duplicate
    {
        log::line(Level::Error, "database", &[("cause", error.to_string().into())]);
    }
    result
}
