//! The numbered SQL of the records, and what applies it to MySQL and MariaDB.
//!
//! SQLite needs no runner: its scripts may be repeated, and the host runs them at every start.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

/// One step of the schema. Statements are separated by `;` at the end of a line.
struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

/// In order. A step that has been applied anywhere never changes: the next one corrects it.
const MYSQL: [Migration; 3] = [
    Migration { version: 1, name: "affiliation_checks", sql: include_str!("../mysql/0001_affiliation_checks.sql") },
    Migration {
        version: 2,
        name: "document_authentications",
        sql: include_str!("../mysql/0002_document_authentications.sql"),
    },
    Migration { version: 3, name: "access", sql: include_str!("../mysql/0003_access.sql") },
];

/// The scripts for SQLite, in order, from the root of the workspace.
pub const SQLITE: [&str; 4] = [
    "migrations/sqlite/0001_affiliation_checks.sql",
    "migrations/sqlite/0002_cache.sql",
    "migrations/sqlite/0003_document_authentications.sql",
    "migrations/sqlite/0004_access.sql",
];

/// How long to wait for another one that is migrating, in seconds.
const LOCK_SECONDS: u32 = 60;

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The address is not `mysql://user:password@host:port/database`.
    #[error("the database's address must look like mysql://user:password@host:port/database")]
    Address,
    /// The server said no, or did not answer.
    #[error("the database: {0}")]
    Database(#[from] mysql_async::Error),
    /// Somebody else has been migrating for too long.
    #[error("another migration has been running for {LOCK_SECONDS} s: look for it, then try again")]
    Locked,
    /// The schema is newer than this program.
    #[error("the database is at version {0}, which this program does not know: use a newer one")]
    Newer(u32),
}

/// Brings the schema up to date and tells which steps were applied.
///
/// Safe to run twice and by two at once: a lock of the server lets one through after the other, and the second finds
/// nothing left to do. MySQL commits each `CREATE` at once, so every statement may be repeated: killed in the middle,
/// the next run finishes the step.
pub async fn migrate(url: &str) -> Result<Vec<&'static str>, MigrationError> {
    let options = Opts::from_url(url).map_err(|_| MigrationError::Address)?;
    let Some(database) = options.db_name().map(str::to_owned) else { return Err(MigrationError::Address) };
    let mut connection = Conn::new(options).await?;
    let lock = format!("connectivity-migrations:{database}");
    let locked: Option<Option<u8>> =
        connection.exec_first("SELECT GET_LOCK(LEFT(?, 64), ?)", (&lock, LOCK_SECONDS)).await?;
    if locked.flatten() != Some(1) {
        return Err(MigrationError::Locked);
    }
    // The lock goes with the connection, however this ends.
    let applied = apply(&mut connection).await;
    connection.disconnect().await?;
    applied
}

/// Creates a database where there is none. `name` is of letters, digits and `_`.
pub async fn create_database(server: &str, name: &str) -> Result<(), MigrationError> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let options = Opts::from_url(server).ok().filter(|_| plain).ok_or(MigrationError::Address)?;
    let mut connection = Conn::new(options).await?;
    connection.query_drop(format!("CREATE DATABASE IF NOT EXISTS {name}")).await?;
    connection.disconnect().await?;
    Ok(())
}

/// Does the database answer a query?
pub async fn answers(url: &str) -> bool {
    let Ok(options) = Opts::from_url(url) else { return false };
    let Ok(mut connection) = Conn::new(options).await else { return false };
    let answer: Result<Option<u8>, _> = connection.query_first("SELECT 1").await;
    answer.is_ok_and(|one| one == Some(1))
}

async fn apply(connection: &mut Conn) -> Result<Vec<&'static str>, MigrationError> {
    connection
        .query_drop(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
               version INT UNSIGNED NOT NULL PRIMARY KEY,
               name VARCHAR(100) NOT NULL,
               applied_at DATETIME(6) NOT NULL
             ) ENGINE = InnoDB",
        )
        .await?;
    let at: Option<Option<u32>> = connection.query_first("SELECT MAX(version) FROM schema_migrations").await?;
    let at = at.flatten().unwrap_or(0);
    if MYSQL.iter().all(|migration| migration.version < at) {
        return Err(MigrationError::Newer(at));
    }
    let mut applied = Vec::new();
    for migration in MYSQL.iter().filter(|migration| migration.version > at) {
        for statement in statements(migration.sql) {
            connection.query_drop(statement).await?;
        }
        let record = "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, UTC_TIMESTAMP(6))";
        connection.exec_drop(record, (migration.version, migration.name)).await?;
        applied.push(migration.name);
    }
    Ok(applied)
}

fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_from_one() {
        let versions = MYSQL.iter().map(|migration| migration.version);
        assert!(versions.eq(1..=u32::try_from(MYSQL.len()).expect("few")));
    }

    #[test]
    fn statements_are_separated() {
        assert_eq!(statements("-- a\nCREATE 1;\n\nCREATE 2;\n").collect::<Vec<_>>(), ["-- a\nCREATE 1", "CREATE 2"]);
    }
}
