//! The steps on SQLite: from every earlier version, interrupted, and several at once.

use connectivity_migrations::sqlite::migrate;
use connectivity_migrations::{Connection, Migrated, NEEDED, STEPS, Step};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A database file that is removed in the end.
struct Database(PathBuf);

impl Database {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("connectivity-{name}-{}.db", std::process::id()));
        // A file of an earlier run with the same process id; usually there is none.
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn open(&self) -> Session {
        Session::open(&self.0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A connection that can be set to fail, as if its process had been killed.
struct Session {
    connection: rusqlite::Connection,
    statements: usize,
    killed_after: Option<usize>,
}

impl Session {
    fn open(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).expect("a database");
        connection.busy_timeout(Duration::from_secs(20)).expect("a timeout");
        Self { connection, statements: 0, killed_after: None }
    }

    fn insert_check(&self, id: &str) {
        let sql = "INSERT INTO affiliation_checks
                     (id, citizen_id, status, message, checked_at) VALUES (?, '1234567', 'ERROR', 'm', 't')";
        self.connection.execute(sql, [id]).expect("a row");
    }

    /// The ids of the checks with their `requested_by`.
    fn checks(&self) -> Vec<(String, Option<String>)> {
        let sql = "SELECT id, requested_by FROM affiliation_checks ORDER BY id";
        let mut statement = self.connection.prepare(sql).expect("a column");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }

    fn recorded(&self) -> Vec<String> {
        let sql = "SELECT version || ' ' || name FROM schema_migrations ORDER BY version";
        let mut statement = self.connection.prepare(sql).expect("the table");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }
}

impl Connection for Session {
    type Error = rusqlite::Error;

    async fn run(&mut self, sql: &str) -> Result<Option<i64>, rusqlite::Error> {
        if self.killed_after == Some(self.statements) {
            return Err(rusqlite::Error::UnwindingPanic);
        }
        self.statements += 1;
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        match rows.next()? {
            Some(row) => row.get(0),
            None => Ok(None),
        }
    }
}

async fn migrate_all(session: &mut Session) -> Migrated {
    migrate(session, &STEPS).await.expect("a migration")
}

/// Checks that the schema is complete and that the rows from before are still there.
async fn expect_complete(session: &mut Session, rows: &[&str]) {
    let again = migrate_all(session).await;
    assert_eq!((again.version, again.applied), (NEEDED, Vec::new()));
    let recorded: Vec<_> = STEPS.iter().map(|step| format!("{} {}", step.version, step.name)).collect();
    assert_eq!(session.recorded(), recorded);
    let expected: Vec<_> = rows.iter().map(|id| ((*id).to_owned(), None)).collect();
    assert_eq!(session.checks(), expected);
}

#[tokio::test]
async fn a_database_that_is_up_to_date_costs_one_statement() {
    let database = Database::new("current");
    let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
    assert_eq!(migrate_all(&mut database.open()).await.applied, names);
    let mut session = database.open();
    assert!(migrate_all(&mut session).await.applied.is_empty());
    assert_eq!(session.statements, 1);
    expect_complete(&mut session, &[]).await;
}

#[tokio::test]
async fn every_earlier_version_is_migrated_and_keeps_its_rows() {
    for version in 1..STEPS.len() {
        let database = Database::new(&format!("from-{version}"));
        let mut session = database.open();
        migrate(&mut session, &STEPS[..version]).await.expect("the earlier version");
        session.insert_check("before");
        let migrated = migrate_all(&mut session).await;
        assert_eq!(migrated.applied.len(), STEPS.len() - version);
        expect_complete(&mut session, &["before"]).await;
    }
}

/// Until version 4, `spin up --sqlite @…` ran the files at each start and recorded nothing.
#[tokio::test]
async fn a_database_without_recorded_versions_is_migrated_and_keeps_its_rows() {
    for version in 1..=4 {
        let database = Database::new(&format!("unrecorded-{version}"));
        let mut session = database.open();
        for step in &STEPS[..version] {
            session.connection.execute_batch(step.sqlite).expect("a file");
        }
        session.insert_check("before");
        assert_eq!(migrate_all(&mut session).await.version, NEEDED);
        expect_complete(&mut session, &["before"]).await;
    }
}

/// Accounts that were deleted count too, so that the next release does not create them again.
#[tokio::test]
async fn accounts_that_earlier_releases_have_seeded_are_recorded() {
    let database = Database::new("seeded");
    let mut session = database.open();
    let step = STEPS.iter().position(|step| step.name == "service_account_seeds").expect("the step");
    migrate(&mut session, &STEPS[..step]).await.expect("the version before");
    let earlier = "
        INSERT INTO service_accounts (name, secret_hash, scopes, disabled, seed, created_at, rotated_at)
        VALUES ('seeded', '', '', 0, 'digest', '1', '1'), ('created', '', '', 0, NULL, '1', '1');
        INSERT INTO access_audit (id, at, event, subject, request_id)
        VALUES ('1', '1', 'ACCOUNT_SEEDED', 'seeded', ''), ('2', '2', 'ACCOUNT_SEEDED', 'deleted', ''),
               ('3', '3', 'ACCOUNT_SEEDED', 'deleted', ''), ('4', '4', 'LOGIN', 'created', '');";
    session.connection.execute_batch(earlier).expect("rows");
    migrate_all(&mut session).await;
    let sql = "SELECT name || ' ' || version || ' ' || applied_at FROM service_account_seeds ORDER BY name";
    let mut statement = session.connection.prepare(sql).expect("the table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    assert_eq!(rows.map(|row| row.expect("a row")).collect::<Vec<String>>(), ["deleted 1 3", "seeded 1 1"]);
}

#[tokio::test]
async fn pending_documents_of_earlier_releases_are_put_into_the_outbox() {
    let database = Database::new("pending");
    let mut session = database.open();
    let step = STEPS.iter().position(|step| step.name == "document_authentications_ids").expect("the step");
    migrate(&mut session, &STEPS[..step]).await.expect("the version before");
    let earlier = "
        INSERT INTO document_authentications (id, message_id, id_citizen, url_document, document_title, status,
                                              received_at, claim, claimed_until, outbox, outbox_due_at)
        VALUES ('1', 'queue', '1234567', 'u', 't', 'PENDING', 't', 'c', 't', NULL, NULL),
               ('2', 'http', '1234567', 'u', 't', 'PENDING', 't', 'c', 't', 'REQUEST', 'due'),
               ('3', 'done', '1234567', 'u', 't', 'SUCCESS', 't', 'c', 't', NULL, NULL);";
    session.connection.execute_batch(earlier).expect("rows");
    migrate_all(&mut session).await;
    let sql = "SELECT id || ' ' || outbox || ' ' || (outbox_due_at = 'due' OR outbox_due_at > datetime('now'))
               FROM document_authentications WHERE outbox IS NOT NULL ORDER BY id";
    let mut statement = session.connection.prepare(sql).expect("the table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    assert_eq!(rows.map(|row| row.expect("a row")).collect::<Vec<String>>(), ["1 REQUEST 1", "2 REQUEST 1"]);
}

#[tokio::test]
async fn leading_zeros_of_citizen_ids_are_removed() {
    let database = Database::new("canonical");
    let mut session = database.open();
    let step = STEPS.iter().position(|step| step.name == "canonical_citizen_ids").expect("the step");
    migrate(&mut session, &STEPS[..step]).await.expect("the version before");
    for (id, citizen) in [("1", "0012345678"), ("2", "12345678"), ("3", "000000"), ("4", "000124"), ("5", "102030")] {
        let rows = format!(
            "INSERT INTO affiliation_checks (id, citizen_id, status, message, checked_at)
             VALUES ('{id}', '{citizen}', 'ERROR', 'm', 't');
             INSERT INTO document_authentications (id, message_id, id_citizen, url_document, document_title, status,
                                                   received_at, claim, claimed_until)
             VALUES ('{id}', 'm-{id}', '{citizen}', 'u', 't', 'FAILED', 't', 'c', 't');
             INSERT INTO access_audit (id, at, event, subject, request_id, citizen)
             VALUES ('{id}', 't', 'HISTORY_READ', '', '', '{citizen}');"
        );
        session.connection.execute_batch(&rows).expect("rows");
    }
    let digest = "0273022a-9981-5e8a-ad1c-a76adf32621c";
    let erased =
        "INSERT INTO access_audit (id, at, event, subject, request_id, citizen) VALUES ('6', '', '', '', '', ?)";
    session.connection.execute(erased, [digest]).expect("a row");
    migrate_all(&mut session).await;
    let column = |table: &str, column: &str| {
        let mut statement =
            session.connection.prepare(&format!("SELECT {column} FROM {table} ORDER BY id")).expect("a column");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a row")).collect::<Vec<String>>()
    };
    let expected = ["12345678", "12345678", "000000", "124", "102030"];
    assert_eq!(column("affiliation_checks", "citizen_id"), expected);
    assert_eq!(column("document_authentications", "id_citizen"), expected);
    assert_eq!(column("access_audit", "citizen"), [&expected[..], &[digest]].concat());
}

#[tokio::test]
async fn a_migration_killed_at_any_statement_can_be_repeated() {
    let mut killed = 0;
    loop {
        let database = Database::new(&format!("killed-{killed}"));
        let mut session = database.open();
        migrate(&mut session, &STEPS[..3]).await.expect("an earlier version");
        session.insert_check("before");
        let mut other = Session { killed_after: Some(killed), ..database.open() };
        let result = migrate(&mut other, &STEPS).await;
        drop(other);
        migrate_all(&mut session).await;
        expect_complete(&mut session, &["before"]).await;
        if result.is_ok() {
            break;
        }
        killed += 1;
    }
    assert!(killed > 5, "killed at {killed} statements");
}

#[tokio::test]
async fn a_failed_migration_leaves_no_transaction_behind() {
    let database = Database::new("failed");
    let mut session = database.open();
    let broken = Step { sqlite: "CREATE TABLE a (b INT);\nCREATE garbage;\n", ..STEPS[0] };
    assert!(migrate(&mut session, &[broken]).await.is_err());
    migrate_all(&mut database.open()).await;
    expect_complete(&mut session, &[]).await;
}

#[test]
fn of_several_migrations_at_once_one_applies_the_steps() {
    let database = Database::new("several");
    let applied: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                    runtime.block_on(migrate_all(&mut database.open())).applied.len()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a migration")).sum()
    });
    assert_eq!(applied, STEPS.len());
}

#[tokio::test]
async fn an_older_program_accepts_a_newer_schema() {
    let database = Database::new("newer");
    let mut session = database.open();
    migrate_all(&mut session).await;
    session.insert_check("newer");
    let older = migrate(&mut session, &STEPS[..4]).await.expect("an older program");
    assert_eq!((older.version, older.newest, older.applied), (NEEDED, 4, Vec::new()));
    session.insert_check("older");
    expect_complete(&mut session, &["newer", "older"]).await;
}
