//! Tests of the routes with a fake probe: status and body.

use crate::metrics::OutboxDepth;
use crate::probe::{HealthProbe, ProbeResult};
use crate::routes::router;
use bytes::Bytes;
use connectivity_domain::breaker::Condition;
use connectivity_edge::config_state::{ConfigState, Report};
use connectivity_edge::response::respond;
use connectivity_edge::router::route;
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone)]
struct FakeProbe {
    database: &'static str,
    cache: &'static str,
    /// The report of the component `auth`. The others report nothing.
    auth: Report,
}

/// The report of a component that works.
const WORKS: Report = Report { settings: ConfigState::Valid, database_fails: false, cache_fails: false };

impl HealthProbe for FakeProbe {
    async fn database(&self) -> ProbeResult {
        let reason = (self.database == "outdated").then(|| "run the command".to_owned());
        ProbeResult { status: self.database, reason, latency: Duration::from_micros(1500) }
    }

    async fn cache(&self) -> (ProbeResult, Option<Condition>) {
        (
            ProbeResult { status: self.cache, reason: None, latency: Duration::ZERO },
            (self.cache != "down").then_some(Condition::Closed),
        )
    }

    async fn report(&self, component: &'static str) -> Report {
        if component == "auth" { self.auth } else { WORKS }
    }

    async fn counts(&self) -> Option<Vec<(String, u64)>> {
        let counts = [
            ("requests|/a|GET|200|0", 3),
            ("requests|/a|GET|200|12", 1),
            ("requests|/a|GET|200|us", 40_000_000),
            ("requests|/a|GET|503|1", 2),
            ("requests|/a|GET|503|us", 8_000),
            ("guard|affiliation|check|throttled", 7),
            ("of another release", 9),
        ];
        let counts = counts.map(|(name, count)| (name.to_owned(), count)).to_vec();
        (self.cache == "up").then_some(counts)
    }

    async fn outbox(&self) -> Option<OutboxDepth> {
        (self.database == "up").then_some(OutboxDepth { events: 2, oldest: Duration::from_millis(1_500) })
    }
}

async fn get(path: &str, probe: Option<FakeProbe>) -> (u16, Value) {
    let (status, body) = read(path, probe).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn read(path: &str, probe: Option<FakeProbe>) -> (u16, String) {
    let request = Request::get(path).body(Bytes::new()).expect("a request");
    let answer = respond(request, None, |request| route(router(probe), request)).await;
    (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
}

#[tokio::test]
async fn only_the_database_is_needed_to_be_ready() {
    for (database, cache, status) in [
        ("up", "up", 200),
        ("up", "down", 200),
        ("up", "degraded", 200),
        ("down", "up", 503),
        ("unwritable", "up", 503),
        ("down", "down", 503),
    ] {
        let (answered, body) = get("/health/ready", Some(FakeProbe { database, cache, auth: WORKS })).await;
        assert_eq!(answered, status, "{body}");
        assert_eq!(body["dependencies"]["database"], json!({"status": database, "latency_ms": 1.5, "needed": true}));
        assert_eq!(
            (&body["dependencies"]["cache"]["status"], &body["dependencies"]["cache"]["needed"]),
            (&json!(cache), &json!(false))
        );
        assert_eq!(get("/health/live", Some(FakeProbe { database, cache, auth: WORKS })).await.0, 200);
    }
}

#[tokio::test]
async fn invalid_settings_of_a_component_make_the_service_unready() {
    for (auth, status, shown, reason) in [
        (ConfigState::Valid, 200, "configured", Value::Null),
        (ConfigState::Unknown, 200, "unknown", Value::Null),
        (
            ConfigState::Invalid,
            503,
            "misconfigured",
            json!("the settings of a component are invalid: its log names them"),
        ),
    ] {
        let auth = Report { settings: auth, ..WORKS };
        let (answered, body) = get("/health/ready", Some(FakeProbe { database: "up", cache: "up", auth })).await;
        assert_eq!((answered, &body["reason"]), (status, &reason), "{body}");
        let expected = json!({
            "affiliation": {"status": "configured"}, "auth": {"status": shown}, "documents": {"status": "configured"},
        });
        assert_eq!(body["components"], expected);
    }
}

#[tokio::test]
async fn failures_that_a_component_reports_count_though_the_checks_succeed() {
    for (report, answered, database, cache) in [
        (Report { database_fails: true, ..WORKS }, 503, "unwritable", "up"),
        (Report { cache_fails: true, ..WORKS }, 200, "up", "degraded"),
    ] {
        let probe = FakeProbe { database: "up", cache: "up", auth: report };
        let (status, body) = get("/health/ready", Some(probe.clone())).await;
        let shown = |server: &str| body["dependencies"][server]["status"].clone();
        assert_eq!((status, shown("database"), shown("cache")), (answered, json!(database), json!(cache)));
        let (_, text) = read("/metrics", Some(probe)).await;
        for (server, status) in [("database", database), ("cache", cache)] {
            let up = u8::from(status == "up");
            let expected = format!("connectivity_dependency_up{{dependency=\"{server}\"}} {up}\n");
            assert!(text.contains(&expected), "{expected} in {text}");
        }
    }
}

#[tokio::test]
async fn outdated_schema_makes_the_service_unready_and_names_the_command() {
    let probe = FakeProbe { database: "outdated", cache: "up", auth: WORKS };
    let (answered, body) = get("/health/ready", Some(probe)).await;
    assert_eq!((answered, &body["reason"]), (503, &json!("run the command")), "{body}");
    assert_eq!(body["dependencies"]["database"]["status"], "outdated");
}

#[tokio::test]
async fn invalid_own_settings_leave_the_service_alive_but_not_ready() {
    assert_eq!(get("/health/ready/", None).await.0, 503);
    assert_eq!(get("/health/live/", None).await.0, 200);
}

/// Returns the lines of the metrics page without comments.
async fn metrics(database: &'static str, cache: &'static str) -> Vec<String> {
    let (status, text) = read("/metrics", Some(FakeProbe { database, cache, auth: WORKS })).await;
    assert_eq!(status, 200);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[tokio::test]
async fn counts_are_summed_over_statuses_and_buckets() {
    let lines = metrics("up", "up").await;
    for expected in [
        "connectivity_http_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 4",
        "connectivity_http_requests_total{route=\"/a\",method=\"GET\",status=\"503\"} 2",
        "connectivity_http_request_duration_seconds_bucket{route=\"/a\",method=\"GET\",le=\"0.002\"} 3",
        "connectivity_http_request_duration_seconds_bucket{route=\"/a\",method=\"GET\",le=\"0.005\"} 5",
        "connectivity_http_request_duration_seconds_bucket{route=\"/a\",method=\"GET\",le=\"30\"} 5",
        "connectivity_http_request_duration_seconds_bucket{route=\"/a\",method=\"GET\",le=\"+Inf\"} 6",
        "connectivity_http_request_duration_seconds_sum{route=\"/a\",method=\"GET\"} 40.008",
        "connectivity_http_request_duration_seconds_count{route=\"/a\",method=\"GET\"} 6",
        "connectivity_guard_decisions_total{component=\"affiliation\",route=\"check\",outcome=\"throttled\"} 7",
        "connectivity_dependency_up{dependency=\"database\"} 1",
        "connectivity_breaker_open 0",
        "connectivity_outbox_depth 2",
        "connectivity_outbox_oldest_seconds 1.5",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} in {lines:#?}");
    }
}

#[tokio::test]
async fn values_that_cannot_be_read_are_left_out() {
    let lines = metrics("down", "down").await;
    let up = |name: &str| format!("connectivity_dependency_up{{dependency=\"{name}\"}} 0");
    assert_eq!(lines, [up("database"), up("cache")]);
    assert_eq!(read("/metrics", None).await.0, 503);
}

#[tokio::test]
async fn the_documentation_is_served_even_with_invalid_settings() {
    let (status, document) = get("/api/schema/", None).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let (status, page) = read("/api/docs/", None).await;
    assert_eq!(status, 200);
    for part in ["/api/docs/page.css", "/api/docs/page.js"] {
        assert!(page.contains(part));
        assert_eq!(read(part, None).await.0, 200);
    }
}
