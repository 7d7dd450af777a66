//! SQL over MySQL/MariaDB or the host's SQLite: one port, two adapters.

mod mysql;
mod sqlite;

use crate::log::{self, Level};
use crate::pool::Pool;
use crate::runtime;
use crate::settings::DatabaseSettings;
use connectivity_domain::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Connections per instance. Requests of one instance share it: it is theirs for one statement at a time, and they spend
/// most of their time at the registry. Measured in docs/performance.md: more connections cost, and gain nothing.
const CONNECTIONS: usize = 1;

/// How long a statement may take, waiting for a connection included. A durable insert takes milliseconds; after this
/// long the caller is better told to try again.
const DEADLINE: Duration = Duration::from_secs(5);

/// A statement in the words of both databases, with `?` for its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// For MySQL 8 and MariaDB 10.11.
    pub mysql: &'static str,
    /// For SQLite.
    pub sqlite: &'static str,
}

impl Sql {
    /// A statement that both databases read alike.
    pub const fn same(text: &'static str) -> Self {
        Self { mysql: text, sqlite: text }
    }
}

/// A value in or out of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// Any integer type.
    Integer(i64),
    /// Any text type.
    Text(String),
}

impl Value {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A time, as records hold it.
    pub fn time(time: Timestamp) -> Self {
        Self::Text(time.to_sql())
    }

    /// A number; the largest there is for one that is larger.
    pub fn number(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A truth value: 1 or 0.
    pub fn truth(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }

    /// The text, if it is one.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Integer(_) => None,
        }
    }

    /// The time, if it is one.
    pub fn into_time(self) -> Option<Timestamp> {
        Timestamp::parse_sql(&self.into_text()?)
    }

    /// Text, or NULL where there is none.
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }
}

/// A row, in the order of the statement's columns.
pub type Row = Vec<Value>;

/// Why a statement has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// No connection, or it broke, or it took too long. The statement may or may not have been carried out.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A row with this key exists already.
    #[error("the key exists already")]
    Duplicate,
    /// The database understood the statement and refused it: a fault of ours.
    #[error("the database refused the statement: {0}")]
    Refused(String),
}

/// The database. It lives in a static of the component and holds connections, never a request's data.
pub enum Database {
    /// MySQL or MariaDB.
    MySql(Arc<Pool<mysql::Server>>),
    /// The host's SQLite database `default`.
    Sqlite(Arc<Pool<sqlite::Embedded>>),
}

impl Database {
    /// The database that the settings name. Nothing is connected yet.
    pub fn new(settings: &DatabaseSettings) -> Self {
        match settings {
            DatabaseSettings::MySql { address } => {
                Self::MySql(Pool::new(mysql::Server { address: address.clone() }, CONNECTIONS))
            }
            DatabaseSettings::Embedded => Self::Sqlite(Pool::new(sqlite::Embedded, 1)),
        }
    }

    /// Is it the host's own SQLite?
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Runs a statement and returns its rows (none for one that has none).
    ///
    /// A kept connection may have broken since it was last used: then the statement is run once more on a new one.
    /// Statements given here must therefore be safe to repeat: reads, or inserts under a key made by the caller, for
    /// which [`DatabaseError::Duplicate`] after a repetition means that the first one worked.
    pub async fn run(&self, sql: Sql, parameters: Vec<Value>) -> Result<Vec<Row>, DatabaseError> {
        let work = match self {
            Self::MySql(pool) => {
                let pool = Arc::clone(pool);
                runtime::deadline::timeout_detached(
                    DEADLINE,
                    async move { mysql::run(&pool, sql.mysql, parameters).await },
                )
                .await
            }
            Self::Sqlite(pool) => {
                let pool = Arc::clone(pool);
                runtime::deadline::timeout_detached(DEADLINE, async move {
                    sqlite::run(&pool, sql.sqlite, parameters).await
                })
                .await
            }
        };
        let result = work.unwrap_or_else(|| Err(DatabaseError::Unavailable("no answer in time".into())));
        if let Err(error @ (DatabaseError::Unavailable(_) | DatabaseError::Refused(_))) = &result {
            log::line(Level::Error, "database", &[("cause", error.to_string().into())]);
        }
        result
    }
}
