//! Black-box tests of checks of many citizens in one request, with embedded databases and with MariaDB
//! and Redis.

use bytes::Bytes;
use connectivity_tests::backend::On;
use connectivity_tests::check::{Scene, expect_problem};
use connectivity_tests::client::{Answer, check_request, claims, sign, token};
use connectivity_tests::host::SECRET;
use connectivity_tests::pipeline::until;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

const CHECKS: &str = "/api/v1/affiliation/checks/";

/// Returns this many ids. The even ones are eligible, the others are affiliated.
fn ids(count: usize) -> Vec<String> {
    (1_000_000..1_000_000 + count).map(|id| id.to_string()).collect()
}

async fn check_as(scene: &Scene, token: &str, ids: &[impl serde::Serialize]) -> Answer {
    let body = Bytes::from(json!({"citizen_ids": ids}).to_string());
    scene.client.send(check_request(&scene.host.url(CHECKS), token, body)).await
}

async fn check(scene: &Scene, ids: &[impl serde::Serialize]) -> Vec<Value> {
    let answer = check_as(scene, &token(), ids).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    answer.json()["results"].as_array().cloned().expect("results")
}

async fn results_and_records(on: On) {
    let scene = Scene::new(on, &[]).await;
    let mut all: Vec<Value> = ids(97).into_iter().map(Value::from).collect();
    all.extend([json!("0001000000"), json!("12345"), json!(1_000_001.0)]);
    let results = check(&scene, &all).await;
    assert_eq!(results.len(), 100);
    for (number, result) in results.iter().take(97).enumerate() {
        assert_eq!(result["citizen_id"], (1_000_000 + number).to_string());
        assert_eq!(result["is_eligible"], number % 2 == 0, "{result}");
    }
    assert_eq!((&results[97], &results[99]), (&results[0], &results[1]), "spellings of the same citizen");
    assert_eq!(results[98]["error"]["type"], "urn:connectivity:problem:invalid-citizen-id");
    assert_eq!(results[98]["error"].get("request_id"), None);
    assert_eq!(scene.simulator.count(), 97, "a repeated id is asked once");
    for id in ["1000000", "1000096"] {
        let rows = scene.history(id).await;
        assert_eq!(
            (rows.len(), &rows[0]["status"], &rows[0]["requested_by"]),
            (1, &json!("ELIGIBLE"), &json!("tests"))
        );
    }
    let is_request = |line: &&String| line.contains("\"message\":\"request\"") && line.contains("affiliation/checks");
    until("the request is logged", async || scene.host.log().iter().any(|line| is_request(&line))).await;
    let log = scene.host.log();
    let lines: Vec<_> = log.iter().filter(is_request).collect();
    assert!(lines.len() == 1 && lines[0].contains("\"records\":97"), "{lines:?}");
    assert!(!log.iter().any(|line| line.contains("1000001")), "the log names no citizen");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_have_the_order_of_the_ids_and_are_recorded_embedded() {
    results_and_records(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_have_the_order_of_the_ids_and_are_recorded_on_servers() {
    results_and_records(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_counts_and_all_calls_are_taken_or_none() {
    for on in [On::Embedded, On::Servers] {
        let scene = Scene::new(on, &[("throttle_user", "10/day")]).await;
        let mut claims = claims();
        claims["sub"] = json!(format!("subject-{}", claims["jti"].as_str().expect("an id")));
        let token = sign(&claims, Algorithm::HS256, SECRET);
        let mut seen = Vec::new();
        for count in [11, 8, 3, 2, 1] {
            let answer = check_as(&scene, &token, &vec!["1000000"; count]).await;
            let left = answer.header("ratelimit").and_then(|header| header.split(';').nth(1)).unwrap_or_default();
            seen.push((count, answer.status.as_u16(), left.to_owned()));
            if answer.status.as_u16() == 429 {
                expect_problem(&answer, 429, "too-many-requests");
                assert!(answer.header("retry-after").is_some());
            }
        }
        let expected = [(11, 429, "r=10"), (8, 200, "r=2"), (3, 429, "r=2"), (2, 200, "r=0"), (1, 429, "r=0")];
        assert_eq!(seen, expected.map(|(count, status, left)| (count, status, left.to_owned())), "{on:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_while_the_records_cannot_be_written() {
    let scene = Scene::new(On::Servers, &[]).await;
    check(&scene, &ids(10)).await;
    scene.backend().mariadb.cut();
    let answer = check_as(&scene, &token(), &ids(10)).await;
    expect_problem(&answer, 503, "storage-unavailable");
    scene.backend().mariadb.restore();
    check(&scene, &ids(10)).await;
    let count = scene.backend().query("SELECT CAST(COUNT(*) AS CHAR) FROM affiliation_checks").await;
    assert_eq!(count, ["20"], "all records of a request are written, or none");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_without_a_verdict_have_errors_and_are_recorded() {
    let scene = Scene::new(On::Servers, &[("registry_attempts", "1")]).await;
    scene.simulator.set_down(true);
    let results = check(&scene, &ids(100)).await;
    assert!(results.iter().all(|result| result.get("is_eligible").is_none()), "{results:?}");
    let kind = "urn:connectivity:problem:registry-unavailable";
    assert!(results.iter().all(|result| result["error"]["type"] == kind && result["error"]["status"] == 503));
    assert!(results.iter().all(|result| result["error"]["retry_after"].is_u64()), "{results:?}");
    let asked = scene.simulator.count();
    assert!(asked < 100, "the circuit breaker opens in the middle: {asked}");
    let not_asked = results.iter().filter(|result| result["error"]["asked"] == false).count();
    assert_eq!(not_asked, 100 - asked);
    let errors = "SELECT CAST(COUNT(*) AS CHAR) FROM affiliation_checks WHERE status = 'ERROR'";
    assert_eq!(scene.backend().query(errors).await, ["100"]);
}
