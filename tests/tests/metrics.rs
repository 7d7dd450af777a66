//! The components' metrics, scraped by a real Prometheus: every request is counted once.

use bytes::Bytes;
use connectivity_tests::client::{Client, check_request, claims, sign, token};
use connectivity_tests::host::{Host, SECRET};
use connectivity_tests::pipeline::until;
use connectivity_tests::prometheus::Prometheus;
use connectivity_tests::servers::Servers;
use futures_util::StreamExt;
use govcarpeta_simulator::{Behaviour, Simulator};
use http::Request;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::collections::BTreeMap;

const CHECK: &str = "/api/v1/affiliation/check";
const HISTORY: &str = "/api/v1/affiliation/history";
const CONNECTIONS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Eligible,
    Affiliated,
    UnexpectedResponse,
    EmptyObject,
    NoToken,
    OtherScope,
    NoSuchPath,
    History,
}

/// The number of requests of each kind, 1,000 in total.
const MIX: [(Kind, usize); 8] = [
    (Kind::Eligible, 400),
    (Kind::Affiliated, 250),
    (Kind::UnexpectedResponse, 30),
    (Kind::EmptyObject, 70),
    (Kind::NoToken, 60),
    (Kind::OtherScope, 40),
    (Kind::NoSuchPath, 50),
    (Kind::History, 100),
];

/// A citizen for whom the registry sends a response outside of its contract.
const UNEXPECTED: &str = "555555555";

fn request(host: &Host, kind: Kind) -> Request<Full<Bytes>> {
    let check = |token: &str, body: String| check_request(&host.url(CHECK), token, Bytes::from(body));
    let body = |citizen: &str| json!({"citizen_id": citizen}).to_string();
    match kind {
        Kind::Eligible => check(&token(), body("1128456232")),
        Kind::Affiliated => check(&token(), body("1128456233")),
        Kind::UnexpectedResponse => check(&token(), body(UNEXPECTED)),
        Kind::EmptyObject => check(&token(), "{}".to_owned()),
        Kind::NoToken => check("no token", body("1128456232")),
        Kind::OtherScope => {
            let mut other = claims();
            other["scope"] = json!("documents");
            check(&sign(&other, Algorithm::HS256, SECRET), body("1128456232"))
        }
        Kind::NoSuchPath => check_request(&host.url("/api/v1/affiliation/1128456232"), &token(), Bytes::new()),
        Kind::History => {
            let url = host.url(&format!("{HISTORY}/?citizen_id=1128456232"));
            let request = Request::get(url).header("authorization", format!("Bearer {}", token()));
            request.body(Full::default()).expect("a request")
        }
    }
}

/// Returns counters by their labels.
fn numbers(pairs: &[(&str, u32)]) -> BTreeMap<String, f64> {
    pairs.iter().map(|(labels, number)| ((*labels).to_owned(), f64::from(*number))).collect()
}

async fn count_requests(mut variables: Vec<(&'static str, String)>) {
    let registry = Simulator::start().await.expect("a simulator");
    registry.behave(UNEXPECTED, Behaviour::text(302, ""));
    variables.extend([("registry_url", registry.url()), ("throttle_user", "1000000/hour".to_owned())]);
    // Instances are replaced all the time, and must not lose their counts.
    let reuse = ["--max-instance-reuse-count", "20", "--max-instance-concurrent-reuse-count", "2"];
    let host = Host::start(&variables, &[&reuse[..], &["--idle-instance-timeout", "1s"]].concat());
    let prometheus = Prometheus::scraping(host.address());
    let client = Client::default();

    // The kinds alternate, so that every instance gets all of them.
    let most = MIX.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let kinds = (0..most).flat_map(|turn| MIX.into_iter().filter(move |(_, count)| turn < *count));
    let requests = kinds.map(|(kind, _)| client.send(request(&host, kind)));
    let sent = futures_util::stream::iter(requests).buffer_unordered(CONNECTIONS).count().await;
    assert_eq!(sent, 1_000);

    let query = async |expression: &str, labels: &[&str]| prometheus.query(&client, expression, labels).await;
    let of_affiliation = "{route=~\"/api/v1/affiliation/.*|unmatched\"}";
    let total = format!("sum(connectivity_http_requests_total{of_affiliation})");
    until("Prometheus has seen all requests", async || {
        query(&total, &[]).await.is_some_and(|total| total.values().any(|total| *total >= 1_000.0))
    })
    .await;
    let requests = format!("connectivity_http_requests_total{of_affiliation}");
    let expected = [
        ("/api/v1/affiliation/check POST 200", 650),
        ("/api/v1/affiliation/check POST 400", 70),
        ("/api/v1/affiliation/check POST 401", 60),
        ("/api/v1/affiliation/check POST 403", 40),
        ("/api/v1/affiliation/check POST 503", 30),
        ("/api/v1/affiliation/history GET 200", 100),
        ("unmatched POST 404", 50),
    ];
    assert_eq!(query(&requests, &["route", "method", "status"]).await, Some(numbers(&expected)));
    let histogram = format!("connectivity_http_request_duration_seconds_count{of_affiliation}");
    let expected =
        [("/api/v1/affiliation/check POST", 850), ("/api/v1/affiliation/history GET", 100), ("unmatched POST", 50)];
    assert_eq!(query(&histogram, &["route", "method"]).await, Some(numbers(&expected)));
    let quantile = "histogram_quantile(1, connectivity_http_request_duration_seconds_bucket{route=\"unmatched\"})";
    assert!(query(quantile, &[]).await.is_some_and(|longest| longest.values().all(|seconds| *seconds > 0.0)));
    let checks = query("connectivity_affiliation_checks_total", &["status"]).await;
    assert_eq!(checks, Some(numbers(&[("ALREADY_AFFILIATED", 250), ("ELIGIBLE", 400), ("ERROR", 30)])));
    let registry = query("connectivity_registry_calls_total{question=\"citizen\"}", &["outcome"]).await;
    let expected = [("affiliated", 250), ("none", 400), ("nonsense", 30)];
    assert_eq!(registry, Some(numbers(&expected)));
    let guard = query("connectivity_guard_decisions_total", &["component", "route", "outcome"]).await;
    let expected = [
        ("affiliation check admitted", 750),
        ("affiliation check refused", 100),
        ("affiliation history admitted", 100),
    ];
    assert_eq!(guard, Some(numbers(&expected)));
    let up = query("connectivity_dependency_up", &["dependency"]).await;
    assert_eq!(up, Some(numbers(&[("cache", 1), ("database", 1)])));
    assert_eq!(query("connectivity_breaker_open", &[]).await, Some(numbers(&[("", 0)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_once_embedded() {
    count_requests(Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_once_on_servers() {
    let servers = Servers::running();
    let database = servers.fresh_database().await;
    count_requests(servers.variables(&database)).await;
}
