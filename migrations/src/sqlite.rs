//! Applies the steps to SQLite.

use crate::statement::parse;
use crate::{Connection, Migrated, Step, VERSION, newest, version};

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT";

/// Applies the steps that are missing, all of them in one transaction.
///
/// A database that is up to date costs one `SELECT`. Several callers may migrate at once: SQLite
/// lets one write, and the others find nothing left to do. The transaction of a process that was
/// killed is rolled back. A database from before versions were recorded has some of the tables and
/// no version; the steps that made them can be repeated.
pub async fn migrate<C: Connection>(connection: &mut C, steps: &[Step]) -> Result<Migrated, C::Error> {
    // It fails where the table does not exist yet. If the cause is another one, BEGIN fails too.
    if let Ok(Some(found)) = connection.run(VERSION).await
        && version(Some(found)) >= newest(steps)
    {
        return Ok(Migrated::new(version(Some(found)), Vec::new(), steps));
    }
    connection.run("BEGIN IMMEDIATE").await?;
    match apply(connection, steps).await {
        Ok(migrated) => Ok(migrated),
        Err(error) => {
            // An open transaction would keep other connections from writing. If this fails too, the
            // connection is broken and so is its transaction.
            let _ = connection.run("ROLLBACK").await;
            Err(error)
        }
    }
}

async fn apply<C: Connection>(connection: &mut C, steps: &[Step]) -> Result<Migrated, C::Error> {
    connection.run(CREATE_TABLE).await?;
    let found = version(connection.run(VERSION).await?);
    let mut applied = Vec::new();
    for step in steps.iter().filter(|step| step.version > found) {
        for statement in parse(step.sqlite) {
            connection.run(&statement.sql).await?;
        }
        let record = format!(
            "INSERT INTO schema_migrations (version, name, applied_at)
             VALUES ({}, '{}', strftime('%Y-%m-%d %H:%M:%f000', 'now'))",
            step.version, step.name
        );
        connection.run(&record).await?;
        applied.push(step.name);
    }
    connection.run("COMMIT").await?;
    Ok(Migrated::new(found, applied, steps))
}
