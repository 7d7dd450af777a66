//! The health probes, with the database up and down.

use connectivity_tests::access::Access;
use connectivity_tests::backend::On;
use connectivity_tests::client::Client;
use connectivity_tests::host::Host;
use connectivity_tests::manifest::routed_components;
use connectivity_tests::pipeline::until;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long readiness may take to notice a change.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(5);

async fn becomes(access: &Access, status: u16) {
    let started = Instant::now();
    loop {
        let answer = access.client.get(&access.host.url("/health/ready")).await;
        assert_eq!(access.client.get(&access.host.url("/health/live")).await.status, 200);
        if answer.status == status {
            return;
        }
        assert!(started.elapsed() < NOTICE_TIMEOUT, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_database_and_liveness_does_not() {
    let access = Access::start(On::Servers, &[]).await;
    becomes(&access, 200).await;
    access.backend().mariadb.cut();
    becomes(&access, 503).await;
    access.backend().mariadb.restore();
    becomes(&access, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_databases_are_ready_and_listed_as_dependencies() {
    let access = Access::start(On::Embedded, &[]).await;
    let seen = access.client.get(&access.host.url("/health/ready")).await.json();
    assert_eq!((&seen["status"], &seen["dependencies"]["database"]["status"]), (&json!("ready"), &json!("up")));
    assert_eq!(seen["dependencies"]["registry_breaker"]["status"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_with_invalid_settings_makes_the_service_unready_and_logs_the_setting() {
    let mut all = routed_components();
    // `ops` reports the others.
    all.remove("ops");
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    for (setting, value, misconfigured) in [
        ("affiliated_status", "201", &["affiliation"][..]),
        ("jwt_access_minutes", "never", &["auth"]),
        ("jwt_secret", "too short", &all),
        // A setting of the plugin, which is part of these two components.
        ("registry_timeout_ms", "0", &["affiliation", "documents"]),
    ] {
        let host = Host::start(&[(setting, value)], &[]);
        let answer = Client::default().get(&host.url("/health/ready")).await;
        assert_eq!(answer.status, 503, "{setting}: {answer:?}");
        let expected = all.iter().map(|name| {
            let status = if misconfigured.contains(name) { "misconfigured" } else { "configured" };
            ((*name).to_owned(), json!({ "status": status }))
        });
        assert_eq!(answer.json()["components"], Value::Object(expected.collect()), "{setting}");
        let names_it = |line: &&String| line.contains("\"message\":\"settings\"") && line.contains(setting);
        until("each component logs the setting", async || {
            host.log().iter().filter(names_it).count() == misconfigured.len()
        })
        .await;
        let log = host.log();
        assert!(!log.iter().any(|line| line.contains("/configured")), "the probe is not logged as a request: {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_routes_are_not_public() {
    let access = Access::start(On::Embedded, &[]).await;
    for path in ["/configured", "/api/v1/affiliation/configured", "/oauth/configured", "/health/configured"] {
        assert_eq!(access.client.get(&access.host.url(path)).await.status, 404, "{path}");
    }
}
