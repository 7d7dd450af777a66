//! The application on a schema of another version: older ones, newer ones, and databases from
//! before versions were recorded.

use connectivity_migrations::mysql::{apply, migrate};
use connectivity_migrations::{NEEDED, STEPS, Step};
use connectivity_tests::check::{CHECK, expect_problem};
use connectivity_tests::client::Client;
use connectivity_tests::host::Host;
use connectivity_tests::pipeline::until;
use connectivity_tests::servers::Servers;
use govcarpeta_simulator::Simulator;
use mysql_async::{Conn, Opts};
use serde_json::{Value, json};

const CITIZEN: &str = "1128456232";

const HISTORY: &str = "/api/v1/affiliation/history/?citizen_id=1128456232";

/// A step of a later release: it adds a column that this release does not know.
const LATER: Step = Step {
    version: NEEDED + 1,
    name: "later",
    mysql: "ALTER TABLE affiliation_checks ADD COLUMN later INT NULL;",
    sqlite: "ALTER TABLE affiliation_checks ADD COLUMN later INT NULL;",
};

struct Scene {
    host: Host,
    client: Client,
    _registry: Simulator,
}

impl Scene {
    async fn start(mut variables: Vec<(&'static str, String)>, arguments: &[&str]) -> Self {
        let registry = Simulator::start().await.expect("a simulator");
        variables.push(("registry_url", registry.url()));
        Self { host: Host::start(&variables, arguments), client: Client::default(), _registry: registry }
    }

    async fn readiness(&self) -> (u16, Value) {
        let answer = self.client.get(&self.host.url("/health/ready")).await;
        (answer.status.as_u16(), answer.json())
    }

    async fn check(&self) -> u16 {
        self.client.check(&self.host.url(CHECK), CITIZEN).await.status.as_u16()
    }

    /// Who asked for the citizen's checks, the newest first.
    async fn requested_by(&self) -> Vec<Value> {
        let history = self.client.get(&self.host.url(HISTORY)).await.json();
        let results = history["results"].as_array().cloned().unwrap_or_default();
        results.iter().map(|check| check["requested_by"].clone()).collect()
    }
}

async fn apply_steps(url: &str, steps: &[Step]) {
    let mut connection = Conn::new(Opts::from_url(url).expect("an address")).await.expect("MariaDB");
    apply(&mut connection, steps).await.expect("a migration");
    connection.disconnect().await.expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread")]
async fn older_schema_on_mariadb_makes_the_service_unready_until_it_is_migrated() {
    let servers = Servers::running();
    for version in [0, 4] {
        let name = servers.empty_database().await;
        let url = servers.database_url(&name);
        if version > 0 {
            apply_steps(&url, &STEPS[..version]).await;
        }
        let scene = Scene::start(servers.variables(&name), &[]).await;
        let (status, readiness) = scene.readiness().await;
        assert_eq!((status, &readiness["dependencies"]["database"]["status"]), (503, &json!("outdated")));
        let reason = readiness["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("connectivity-bridge migrate"), "{readiness}");
        let answer = scene.client.check(&scene.host.url(CHECK), CITIZEN).await;
        expect_problem(&answer, 503, "storage-unavailable");
        let names_the_command = |line: &String| line.contains("connectivity-bridge migrate");
        until("the log names the command", async || scene.host.log().iter().any(names_the_command)).await;

        migrate(&url).await.expect("a migration");
        // Without a restart: the same instances check the version again.
        until("the service is ready", async || scene.readiness().await.0 == 200).await;
        assert_eq!(scene.check().await, 200);
        assert_eq!(scene.requested_by().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_schema_on_mariadb_is_accepted() {
    let servers = Servers::running();
    let name = servers.empty_database().await;
    let steps: Vec<Step> = STEPS.into_iter().chain([LATER]).collect();
    apply_steps(&servers.database_url(&name), &steps).await;
    let scene = Scene::start(servers.variables(&name), &[]).await;
    assert_eq!((scene.readiness().await.0, scene.check().await), (200, 200));
    assert_eq!(scene.requested_by().await.len(), 1);
}

/// Until version 4 the files were run at each start, and no version was recorded.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_without_recorded_versions_is_migrated_and_keeps_its_rows() {
    let row = "INSERT INTO affiliation_checks (id, citizen_id, status, message, checked_at)
               VALUES ('before', '1128456232', 'ERROR', 'm', '2026-01-01 00:00:00.000000')";
    let scene = Scene::start(
        Vec::new(),
        &[
            "--sqlite",
            "@migrations/sqlite/0001_affiliation_checks.sql",
            "--sqlite",
            "@migrations/sqlite/0002_document_authentications.sql",
            "--sqlite",
            "@migrations/sqlite/0003_access.sql",
            "--sqlite",
            "@migrations/sqlite/0004_cache.sql",
            "--sqlite",
            row,
        ],
    )
    .await;
    assert_eq!((scene.readiness().await.0, scene.check().await), (200, 200));
    assert_eq!(scene.requested_by().await, [json!("tests"), Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_schema_on_sqlite_is_accepted() {
    let table = "CREATE TABLE schema_migrations (
                   version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT";
    let version = format!("INSERT INTO schema_migrations VALUES ({}, '{}', '')", LATER.version, LATER.name);
    let files = STEPS.map(|step| format!("@migrations/sqlite/{:04}_{}.sql", step.version, step.name));
    let statements = files.iter().map(String::as_str).chain([LATER.sqlite, table, &version]);
    let arguments: Vec<&str> = statements.flat_map(|statement| ["--sqlite", statement]).collect();
    let scene = Scene::start(Vec::new(), &arguments).await;
    assert_eq!((scene.readiness().await.0, scene.check().await), (200, 200));
    assert_eq!(scene.requested_by().await.len(), 1);
}

/// Every component opens an empty database at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn empty_sqlite_is_migrated_by_many_instances_at_once() {
    let scene = Scene::start(Vec::new(), &[]).await;
    let (statuses, readiness) = futures_util::future::join(
        futures_util::future::join_all((0..32).map(|_| scene.check())),
        futures_util::future::join_all((0..8).map(|_| scene.readiness())),
    )
    .await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert!(readiness.iter().all(|(status, _)| *status == 200), "{readiness:?}");
    assert_eq!(scene.requested_by().await.len(), 20, "a full page");
}
