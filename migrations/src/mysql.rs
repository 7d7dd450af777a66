//! Applies the steps to MySQL and MariaDB.

use crate::statement::{Statement, parse};
use crate::{Connection, Migrated, STEPS, Step, VERSION, version};
use connectivity_tls::Authorities;
use connectivity_tls::mysql::{AddressError, options};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

/// How long to wait for another migration, in seconds.
const LOCK_SECONDS: u32 = 60;

/// Keeps the name within MySQL's limit of 64 characters.
const LOCK: &str = "SELECT GET_LOCK(LEFT(CONCAT('connectivity-migrations:', DATABASE()), 64), 60)";

/// A change of a table waits for the transactions that use it, and new ones wait behind it. It
/// gives up before the components' statements do.
const WAIT_BRIEFLY: &str = "SET SESSION lock_wait_timeout = 4";

const CREATE_TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS schema_migrations (
       version INT UNSIGNED NOT NULL PRIMARY KEY,
       name VARCHAR(100) NOT NULL,
       applied_at DATETIME(6) NOT NULL
     ) ENGINE = InnoDB",
    // How many statements have been carried out of a step that is not finished.
    "CREATE TABLE IF NOT EXISTS schema_migration_progress (
       version INT UNSIGNED NOT NULL PRIMARY KEY,
       statements INT UNSIGNED NOT NULL
     ) ENGINE = InnoDB",
];

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server refused a statement, or did not answer. The migration can be repeated.
    #[error("the database failed: {0}. Run the migration again when the cause is removed")]
    Database(#[from] mysql_async::Error),
    /// Another migration holds the lock.
    #[error("another migration has been running for {LOCK_SECONDS} s: wait for it or stop it, then run this again")]
    Locked,
}

impl Connection for Conn {
    type Error = mysql_async::Error;

    async fn run(&mut self, sql: &str) -> Result<Option<i64>, mysql_async::Error> {
        let first: Option<Row> = self.query_first(sql).await?;
        Ok(first.and_then(|mut row| row.take_opt(0)?.ok()))
    }
}

/// Brings the schema of the database in `url` up to date.
pub async fn migrate(url: &str) -> Result<Migrated, MigrationError> {
    let options = options(url, Authorities::from_environment)?;
    let options = Some(options).filter(|options| options.db_name().is_some()).ok_or(AddressError::Form)?;
    let mut connection = Conn::new(options).await?;
    let migrated = apply(&mut connection, &STEPS).await?;
    connection.disconnect().await?;
    Ok(migrated)
}

/// Applies the steps that are missing. The lock that is taken for it ends with the connection.
///
/// A lock of the server lets one migration run at a time; the next one finds nothing left to do. A
/// killed migration is continued by the next one: the statements that were carried out are counted,
/// a change of rows in one transaction with its count. A change of a table is committed by MySQL at
/// once, so before it is made its `unless` query says whether it has been made already.
pub async fn apply<C>(connection: &mut C, steps: &[Step]) -> Result<Migrated, MigrationError>
where
    C: Connection<Error = mysql_async::Error>,
{
    if connection.run(LOCK).await? != Some(1) {
        return Err(MigrationError::Locked);
    }
    connection.run(WAIT_BRIEFLY).await?;
    for table in CREATE_TABLES {
        connection.run(table).await?;
    }
    let found = version(connection.run(VERSION).await?);
    let mut applied = Vec::new();
    for step in steps.iter().filter(|step| step.version > found) {
        carry_out(connection, step).await?;
        applied.push(step.name);
    }
    Ok(Migrated::new(found, applied, steps))
}

async fn carry_out<C: Connection>(connection: &mut C, step: &Step) -> Result<(), C::Error> {
    let version = step.version;
    let progress = format!("SELECT statements FROM schema_migration_progress WHERE version = {version}");
    let done = connection.run(&progress).await?.and_then(|done| usize::try_from(done).ok()).unwrap_or_default();
    for (index, statement) in parse(step.mysql).iter().enumerate().skip(done) {
        if is_done(connection, statement).await? {
            continue;
        }
        let count = index + 1;
        connection.run("START TRANSACTION").await?;
        connection.run(&statement.sql).await?;
        let progress =
            format!("REPLACE INTO schema_migration_progress (version, statements) VALUES ({version}, {count})");
        connection.run(&progress).await?;
        connection.run("COMMIT").await?;
    }
    let record = format!(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES ({version}, '{}', UTC_TIMESTAMP(6))",
        step.name
    );
    connection.run("START TRANSACTION").await?;
    connection.run(&record).await?;
    connection.run(&format!("DELETE FROM schema_migration_progress WHERE version = {version}")).await?;
    connection.run("COMMIT").await?;
    Ok(())
}

async fn is_done<C: Connection>(connection: &mut C, statement: &Statement) -> Result<bool, C::Error> {
    match &statement.unless {
        Some(query) => Ok(connection.run(query).await?.is_some()),
        None => Ok(false),
    }
}

/// Creates a database if it does not exist. `name` consists of letters, digits and `_`.
pub async fn create_database(server: &str, name: &str) -> Result<(), MigrationError> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain {
        return Err(AddressError::Form.into());
    }
    let mut connection = Conn::new(options(server, Authorities::from_environment)?).await?;
    connection.query_drop(format!("CREATE DATABASE IF NOT EXISTS {name}")).await?;
    connection.disconnect().await?;
    Ok(())
}

/// Returns whether the database answers a query.
pub async fn answers(url: &str) -> bool {
    let Ok(options) = options(url, Authorities::from_environment) else { return false };
    let Ok(mut connection) = Conn::new(options).await else { return false };
    connection.run("SELECT 1").await.is_ok_and(|answer| answer == Some(1))
}
