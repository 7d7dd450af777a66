//! The components' metrics, as a real Prometheus reads them: what was counted is what happened.

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
    Nonsense,
    NoBody,
    NoToken,
    OtherScope,
    NoSuchPath,
    History,
}

/// How many requests there are of each kind. Together 1,000.
const MIX: [(Kind, usize); 8] = [
    (Kind::Eligible, 400),
    (Kind::Affiliated, 250),
    (Kind::Nonsense, 30),
    (Kind::NoBody, 70),
    (Kind::NoToken, 60),
    (Kind::OtherScope, 40),
    (Kind::NoSuchPath, 50),
    (Kind::History, 100),
];

/// The registry has no contract with this one.
const STRANGE: &str = "555555555";

fn request(host: &Host, kind: Kind) -> Request<Full<Bytes>> {
    let check = |token: &str, body: String| check_request(&host.url(CHECK), token, Bytes::from(body));
    let of = |citizen: &str| json!({"citizen_id": citizen}).to_string();
    match kind {
        Kind::Eligible => check(&token(), of("1128456232")),
        Kind::Affiliated => check(&token(), of("1128456233")),
        Kind::Nonsense => check(&token(), of(STRANGE)),
        Kind::NoBody => check(&token(), "{}".to_owned()),
        Kind::NoToken => check("no token", of("1128456232")),
        Kind::OtherScope => {
            let mut other = claims();
            other["scope"] = json!("documents");
            check(&sign(&other, Algorithm::HS256, SECRET), of("1128456232"))
        }
        Kind::NoSuchPath => check_request(&host.url("/api/v1/affiliation/1128456232"), &token(), Bytes::new()),
        Kind::History => {
            let url = host.url(&format!("{HISTORY}/?citizen_id=1128456232"));
            let request = Request::get(url).header("authorization", format!("Bearer {}", token()));
            request.body(Full::default()).expect("a request")
        }
    }
}

/// Counters by their labels.
fn numbers(pairs: &[(&str, u32)]) -> BTreeMap<String, f64> {
    pairs.iter().map(|(labels, number)| ((*labels).to_owned(), f64::from(*number))).collect()
}

async fn adds_up(variables: Vec<(&'static str, String)>) {
    let registry = Simulator::start().await.expect("a simulator");
    registry.behave(STRANGE, Behaviour::text(302, ""));
    let mut variables = variables;
    variables.extend([("registry_url", registry.url()), ("throttle_user", "1000000/hour".to_owned())]);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // Instances are replaced all the time, and none may take its numbers with it.
    let reuse = ["--max-instance-reuse-count", "20", "--max-instance-concurrent-reuse-count", "2"];
    let host = Host::start(&variables, &[&reuse[..], &["--idle-instance-timeout", "1s"]].concat());
    let prometheus = Prometheus::scraping(host.address());
    let client = Client::default();

    // In turn, so that instances meet all kinds.
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
    let registry = query("connectivity_registry_calls_total", &["question", "outcome"]).await;
    let expected = [("citizen affiliated", 250), ("citizen none", 400), ("citizen nonsense", 30)];
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
async fn a_thousand_requests_are_a_thousand_embedded() {
    adds_up(Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_are_a_thousand_on_servers() {
    let servers = Servers::running();
    let database = servers.fresh_database().await;
    adds_up(servers.variables(servers.mariadb.address(), &database)).await;
}
