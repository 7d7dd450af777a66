//! The steps of the schema on a real MariaDB: from every earlier version, interrupted, and several
//! at once.

use connectivity_migrations::mysql::{apply, migrate};
use connectivity_migrations::{Connection, NEEDED, STEPS, Step};
use connectivity_tests::servers::Servers;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

async fn empty_database() -> String {
    let servers = Servers::running();
    servers.database_url(&servers.empty_database().await)
}

async fn connect(url: &str) -> Conn {
    Conn::new(Opts::from_url(url).expect("an address")).await.expect("a connection")
}

/// Runs statements on a connection of their own.
async fn run(url: &str, statements: &[&str]) {
    let mut connection = connect(url).await;
    for statement in statements {
        connection.query_drop(*statement).await.expect("a statement");
    }
    connection.disconnect().await.expect("an orderly end");
}

/// Applies steps on a connection of their own, whose end releases the lock.
async fn apply_steps(url: &str, steps: &[Step]) -> u32 {
    let mut connection = connect(url).await;
    let migrated = apply(&mut connection, steps).await.expect("a migration");
    connection.disconnect().await.expect("an orderly end");
    migrated.version
}

const INSERT_CHECK: &str = "INSERT INTO affiliation_checks (id, citizen_id, status, message, checked_at)
                            VALUES (UUID(), '1234567', 'ERROR', 'm', UTC_TIMESTAMP(6))";

/// Checks that the schema is complete and that it has this many rows from before.
async fn expect_complete(url: &str, rows: u64) {
    assert!(migrate(url).await.expect("a migration").applied.is_empty());
    let mut connection = connect(url).await;
    let recorded: Vec<(u32, String)> =
        connection.query("SELECT version, name FROM schema_migrations ORDER BY version").await.expect("rows");
    assert_eq!(recorded, STEPS.map(|step| (step.version, step.name.to_owned())));
    let unfinished: Option<u64> =
        connection.query_first("SELECT COUNT(*) FROM schema_migration_progress").await.expect("a count");
    assert_eq!(unfinished, Some(0));
    let kept: Option<u64> = connection
        .query_first("SELECT COUNT(*) FROM affiliation_checks WHERE requested_by IS NULL")
        .await
        .expect("a count");
    assert_eq!(kept, Some(rows));
    connection.disconnect().await.expect("an orderly end");
}

/// A connection that is cut after some statements, as if its process had been killed.
struct Cut {
    connection: Conn,
    remaining: usize,
}

impl Connection for Cut {
    type Error = mysql_async::Error;

    async fn run(&mut self, sql: &str) -> Result<Option<i64>, mysql_async::Error> {
        let Some(remaining) = self.remaining.checked_sub(1) else {
            return Err(mysql_async::Error::Other("killed".into()));
        };
        self.remaining = remaining;
        self.connection.run(sql).await
    }
}

/// Applies steps to `url` and is killed after that number of statements. Returns whether they were
/// enough.
async fn apply_and_be_killed(url: &str, steps: &[Step], statements: usize) -> bool {
    let mut cut = Cut { connection: connect(url).await, remaining: statements };
    apply(&mut cut, steps).await.is_ok()
}

#[tokio::test]
async fn a_second_run_applies_nothing() {
    let url = empty_database().await;
    let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
    assert_eq!(migrate(&url).await.expect("the first run").applied, names);
    expect_complete(&url, 0).await;
}

#[tokio::test]
async fn concurrent_runs_apply_each_step_once() {
    let url = empty_database().await;
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { migrate(&url).await.expect("a run").applied.len() })
        })
        .collect();
    let mut applied = 0;
    for run in runs {
        applied += run.await.expect("a run");
    }
    assert_eq!(applied, STEPS.len());
}

#[tokio::test]
async fn every_earlier_version_is_migrated_and_keeps_its_rows() {
    for version in 1..STEPS.len() {
        let url = empty_database().await;
        apply_steps(&url, &STEPS[..version]).await;
        run(&url, &[INSERT_CHECK, INSERT_CHECK]).await;
        assert_eq!(migrate(&url).await.expect("a migration").applied.len(), STEPS.len() - version);
        expect_complete(&url, 2).await;
    }
}

#[tokio::test]
async fn a_database_without_recorded_versions_is_migrated_and_keeps_its_rows() {
    let url = empty_database().await;
    apply_steps(&url, &STEPS[..3]).await;
    run(&url, &[INSERT_CHECK, "DROP TABLE schema_migrations, schema_migration_progress"]).await;
    assert_eq!(migrate(&url).await.expect("a migration").version, NEEDED);
    expect_complete(&url, 1).await;
}

#[tokio::test]
async fn a_migration_killed_at_any_statement_can_be_repeated() {
    for statements in 0.. {
        let url = empty_database().await;
        apply_steps(&url, &STEPS[..2]).await;
        run(&url, &[INSERT_CHECK]).await;
        let finished = apply_and_be_killed(&url, &STEPS, statements).await;
        assert_eq!(migrate(&url).await.expect("a migration").version, NEEDED);
        expect_complete(&url, 1).await;
        if finished {
            assert!(statements > 10, "killed at {statements} statements");
            break;
        }
    }
}

/// A step that renames a column by way of a new one: repeated from its start it would fail, and its
/// rows would be counted twice.
const REWORK: Step = Step {
    version: NEEDED + 1,
    name: "rework",
    mysql: "
CREATE TABLE IF NOT EXISTS totals (name VARCHAR(10) NOT NULL PRIMARY KEY, total INT NOT NULL);
REPLACE INTO totals (name, total) VALUES ('a', 1);
-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'totals' AND column_name = 'amount'
ALTER TABLE totals ADD COLUMN amount INT NULL;
UPDATE totals SET amount = COALESCE(amount, total) + 1;
-- unless: SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'totals' AND column_name = 'total')
ALTER TABLE totals DROP COLUMN total;
",
    sqlite: "",
};

#[tokio::test]
async fn a_step_that_changes_rows_changes_them_once_wherever_it_is_killed() {
    let steps: Vec<Step> = STEPS.into_iter().chain([REWORK]).collect();
    for statements in 0.. {
        let url = empty_database().await;
        apply_steps(&url, &STEPS).await;
        let finished = apply_and_be_killed(&url, &steps, statements).await;
        assert_eq!(apply_steps(&url, &steps).await, REWORK.version);
        let mut connection = connect(&url).await;
        let amount: Option<i64> = connection.query_first("SELECT amount FROM totals").await.expect("a row");
        assert_eq!(amount, Some(2), "killed after {statements} statements");
        connection.disconnect().await.expect("an orderly end");
        if finished {
            break;
        }
    }
}

#[tokio::test]
async fn an_older_program_accepts_a_newer_schema() {
    let url = empty_database().await;
    apply_steps(&url, &STEPS).await;
    let mut connection = connect(&url).await;
    let older = apply(&mut connection, &STEPS[..3]).await.expect("an older program");
    assert_eq!((older.version, older.newest, older.applied), (NEEDED, 3, Vec::new()));
    connection.disconnect().await.expect("an orderly end");
    run(&url, &[INSERT_CHECK]).await;
    expect_complete(&url, 1).await;
}

#[tokio::test]
async fn an_address_without_a_database_is_rejected() {
    for url in ["", "mysql://127.0.0.1:1", "http://127.0.0.1/x"] {
        assert!(migrate(url).await.is_err(), "{url}");
    }
}
