//! The cache on servers that restrict it: access rules for keys and commands, a cluster, and programs
//! that are compatible with Redis.

use bytes::Bytes;
use connectivity_tests::access::{OPERATOR, service_accounts};
use connectivity_tests::client::{Answer, Client, check_request};
use connectivity_tests::documented::deployment;
use connectivity_tests::host::Host;
use connectivity_tests::own::{Redis, redis};
use govcarpeta_simulator::Simulator;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use std::process::Command;

async fn send(client: &Client, host: &Host, path: &str, token: &str, body: Value) -> Answer {
    let request = Request::post(host.url(path)).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    client.send(request.body(Full::from(body.to_string())).expect("a request")).await
}

/// Uses everything that the components keep in the cache: rate limits, failed logins, revoked sessions,
/// verdicts, the circuit breaker and metrics.
async fn uses_the_cache(name: &str, port: u16, account: &[(&'static str, &str)]) {
    let simulator = Simulator::start().await.expect("a simulator");
    let mut variables = vec![
        ("redis_address", format!("redis://127.0.0.1:{port}")),
        ("registry_url", simulator.url()),
        ("service_accounts", service_accounts()),
        ("throttle_user", "3/day".to_owned()),
        ("affiliation_cache_seconds", "60".to_owned()),
    ];
    variables.extend(account.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let host = Host::start(&variables, &[]);
    let client = Client::default();
    let log = || host.log();
    let login = |secret: &str| json!({"username": "operator", "password": secret});
    assert_eq!(
        send(&client, &host, "/api/v1/token/", "", login("a wrong secret")).await.status,
        401,
        "{name} {:?}",
        log()
    );
    let pair = send(&client, &host, "/api/v1/token/", "", login(OPERATOR)).await.json();
    let [access, refresh] = ["access", "refresh"].map(|kind| pair[kind].as_str().expect("a token").to_owned());
    // A citizen who is affiliated, whose verdict is cached.
    let check = async || {
        let body = Bytes::from_static(br#"{"citizen_id": "1128456233"}"#);
        client.send(check_request(&host.url("/api/v1/affiliation/check/"), &access, body)).await
    };
    for left in [2, 1, 0] {
        let answer = check().await;
        let limit = answer.header("ratelimit").unwrap_or_default();
        assert!(answer.status == 200 && limit.contains(&format!("r={left}")), "{name} {answer:?} {:?}", log());
    }
    assert_eq!(check().await.status, 429, "{name} {:?}", log());
    assert_eq!(simulator.calls("1128456233").len(), 1, "{name}: the verdict is cached");
    assert_eq!(send(&client, &host, "/api/v1/auth/logout/", "", json!({"refresh": refresh})).await.status, 200);
    assert_eq!(check().await.status, 401, "{name}: the session is revoked, {:?}", log());
    let ready = client.get(&host.url("/health/ready")).await.json();
    assert_eq!(ready["dependencies"]["cache"]["status"], "up", "{name} {ready} {:?}", log());
    assert_eq!(ready["dependencies"]["registry_breaker"]["status"], "closed", "{name} {ready}");
    assert!(!log().iter().any(|line| line.contains("\"warn\"") && line.contains("cache")), "{name} {:?}", log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_access_rules_are_sufficient() {
    let rules = deployment("ACL SETUSER").replace("ACL SETUSER", "user").replace("PASSWORD", "secret-of-redis");
    let server = redis("redis-server", &Redis::Plain(&format!("user default off\n{rules}"))).await;
    let account = [("redis_user", "connectivity"), ("redis_password", "secret-of-redis")];
    uses_the_cache("access rules", server.port, &account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_a_name_may_be_limited_to_the_keys() {
    let server = redis("redis-server", &Redis::Plain("user default on nopass resetkeys ~connectivity:* +@all")).await;
    uses_the_cache("a key prefix", server.port, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_may_be_a_node_of_a_cluster() {
    let server = redis("redis-server", &Redis::Cluster).await;
    uses_the_cache("a cluster", server.port, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_are_compatible_with_redis_serve_as_the_cache() {
    for program in ["valkey-server", "keydb-server"] {
        if Command::new(program).arg("--version").output().is_err() {
            eprintln!("SKIPPED: {program} is not installed");
            continue;
        }
        let server = redis(program, &Redis::Plain("")).await;
        uses_the_cache(program, server.port, &[]).await;
    }
}
