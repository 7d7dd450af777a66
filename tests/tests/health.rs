//! The probes, while the database goes and comes.

use connectivity_tests::access::{Access, On};
use serde_json::json;
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
