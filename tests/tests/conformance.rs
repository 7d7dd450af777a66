//! Runs the conformance checks of tests/guest on every server: database, cache and guard must
//! behave the same on each.

use connectivity_tests::client::Client;
use connectivity_tests::host::Host;
use connectivity_tests::servers::Servers;

/// The number of checks in each suite, so that a missing one fails the test.
const DATABASE: usize = 8;
const CHECKS: usize = 5;
const CACHE: usize = 20;
const GUARD: usize = 24;
const JOBS: usize = 68;

async fn conform(variables: &[(&'static str, String)]) {
    let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<_> = variables.chain([("upstream", "http://127.0.0.1:9")]).collect();
    let host = Host::start_application(&variables, &["--from", "tests/guest/spin.toml"]);
    let suites = [("database", DATABASE), ("checks", CHECKS), ("cache", CACHE), ("guard", GUARD), ("jobs", JOBS)];
    for (suite, checks) in suites {
        let answer = Client::default().get(&host.url(&format!("/probe/conformance/{suite}"))).await;
        let report = String::from_utf8_lossy(&answer.body).into_owned();
        let failed: Vec<&str> = report.lines().filter(|line| !line.starts_with("ok ")).collect();
        assert!(failed.is_empty(), "{suite}: {failed:#?}");
        assert_eq!(report.lines().count(), checks, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_database_and_cache_conform() {
    conform(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_and_redis_conform() {
    let servers = Servers::running();
    let database = servers.fresh_database().await;
    conform(&servers.variables(&database)).await;
}

/// MariaDB with an embedded cache, and an embedded database with Redis.
#[tokio::test(flavor = "multi_thread")]
async fn one_server_with_one_embedded_database_conforms() {
    let servers = Servers::running();
    for server in ["mysql", "redis"] {
        let database = servers.fresh_database().await;
        let mut variables = servers.variables(&database);
        variables.retain(|(name, _)| name.starts_with(server));
        conform(&variables).await;
    }
}
