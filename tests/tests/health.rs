//! The probes, while the database goes and comes.

use connectivity_tests::access::{Access, On};
use connectivity_tests::client::Client;
use connectivity_tests::host::Host;
use connectivity_tests::pipeline::until;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long readiness may take to notice.
const NOTICE: Duration = Duration::from_secs(5);

async fn becomes(access: &Access, status: u16) {
    let started = Instant::now();
    loop {
        let answer = access.client.get(&access.host.url("/health/ready")).await;
        assert_eq!(access.client.get(&access.host.url("/health/live")).await.status, 200);
        if answer.status == status {
            return;
        }
        assert!(started.elapsed() < NOTICE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_database_and_liveness_does_not() {
    let access = Access::start(On::Servers, &[]).await;
    becomes(&access, 200).await;
    access.cut();
    becomes(&access, 503).await;
    access.restore();
    becomes(&access, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_default_is_ready_and_says_what_it_sees() {
    let access = Access::start(On::Embedded, &[]).await;
    let seen = access.client.get(&access.host.url("/health/ready")).await.json();
    assert_eq!((&seen["status"], &seen["dependencies"]["database"]["status"]), (&json!("ready"), &json!("up")));
    assert_eq!(seen["dependencies"]["registry_breaker"]["status"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_settings_are_wrong_makes_the_service_unready_and_its_log_says_why() {
    let all = ["affiliation", "auth", "documents"];
    for (setting, value, misconfigured) in [
        ("affiliated_status", "201", &all[..1]),
        ("jwt_access_minutes", "never", &all[1..2]),
        ("jwt_secret", "too short", &all[..]),
        // The plugin's, which these two ask.
        ("registry_timeout_ms", "0", &["affiliation", "documents"]),
    ] {
        let host = Host::start(&[(setting, value)], &[]);
        let answer = Client::default().get(&host.url("/health/ready")).await;
        assert_eq!(answer.status, 503, "{setting}: {answer:?}");
        let expected = all.map(|name| {
            let status = if misconfigured.contains(&name) { "misconfigured" } else { "configured" };
            (name.to_owned(), json!({ "status": status }))
        });
        assert_eq!(answer.json()["components"], Value::Object(expected.into_iter().collect()), "{setting}");
        let told = |line: &&String| line.contains("\"message\":\"settings\"") && line.contains(setting);
        until("each log says why", async || host.log().iter().filter(told).count() == misconfigured.len()).await;
        let log = host.log();
        assert!(!log.iter().any(|line| line.contains("/configured")), "nobody called: {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_components_say_to_one_another_is_not_served_outside() {
    let access = Access::start(On::Embedded, &[]).await;
    for path in ["/configured", "/api/v1/affiliation/configured", "/oauth/configured", "/health/configured"] {
        assert_eq!(access.client.get(&access.host.url(path)).await.status, 404, "{path}");
    }
}
