//! Black-box tests with a registry that fails, hangs, is unreachable or sends unexpected responses:
//! no wrong verdict.

use bytes::Bytes;
use connectivity_tests::backend::On;
use connectivity_tests::check::{CHECK, Scene, expect_problem};
use connectivity_tests::client::{check_request, claims, sign, token};
use connectivity_tests::host::SECRET;
use govcarpeta_simulator::{Behaviour, Simulator};
use http::header;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::time::Duration;

async fn registry_failures(on: On) {
    // One attempt per call, and at most ten questions, so that the circuit breaker stays closed.
    let scene = Scene::new(on, &[("registry_attempts", "1")]).await;
    let ten_megabytes = Behaviour::text(200, &"x".repeat(10 * 1024 * 1024));
    let cases = [
        ("1000002", Behaviour::text(500, "error"), "registry-unavailable"),
        ("1000004", Behaviour::html(503), "registry-unavailable"),
        ("1000006", Behaviour::Hang, "registry-unavailable"),
        ("1000008", ten_megabytes, "registry-unavailable"),
        ("1000010", Behaviour::text(501, "\"error al consultar\""), "registry-unavailable"),
        ("1000012", Behaviour::text(404, ""), "registry-refused"),
        ("1000014", Behaviour::text(302, ""), "registry-unexpected-response"),
        ("1000016", Behaviour::text(201, "true"), "registry-unexpected-response"),
        ("1000018", Behaviour::text(200, ""), "registry-unavailable"),
        ("1000020", Behaviour::html(200), "registry-unavailable"),
    ];
    for (id, behaviour, slug) in cases {
        scene.simulator.behave(id, behaviour);
        let answer = scene.check(id).await;
        expect_problem(&answer, 503, slug);
        assert!(
            answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0))
        );
        let rows = scene.history(id).await;
        assert_eq!(rows.len(), 1, "{id}");
        assert_eq!(
            (&rows[0]["status"], &rows[0]["is_eligible"], &rows[0]["exists_in_system"]),
            (&json!("ERROR"), &json!(false), &Value::Null)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_registry_never_yields_a_verdict_embedded() {
    registry_failures(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_registry_never_yields_a_verdict_on_servers() {
    registry_failures(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_a_200_do_not_change_the_verdict() {
    let scene = Scene::new(On::Embedded, &[]).await;
    for (id, body) in [("2000002", "\"eligible\""), ("2000004", "{\"is_eligible\": true}"), ("2000006", "204")] {
        scene.simulator.behave(id, Behaviour::text(200, body));
        let answer = scene.check(id).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["is_eligible"]), (200, &json!(false)), "{id}");
        assert_eq!(scene.history(id).await[0]["status"], "ALREADY_AFFILIATED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_or_untrusted_registry_gets_503() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let simulator = Simulator::start().await.expect("a simulator");
    // TLS to a server without TLS.
    let untrusted = simulator.url().replace("http://", "https://");
    for registry in [format!("http://{closed}"), untrusted] {
        let scene = Scene::asking(On::Embedded, Simulator::start().await.expect("a simulator"), &registry, &[]).await;
        expect_problem(&scene.check("1128456232").await, 503, "registry-unavailable");
        assert_eq!(scene.history("1128456232").await[0]["status"], "ERROR");
        assert_eq!(scene.history("1128456232").await[0]["is_eligible"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_attempts_are_repeated_and_retry_after_is_respected() {
    let scene = Scene::new(On::Embedded, &[("registry_timeout_ms", "5000"), ("registry_api_key", "key-1")]).await;
    scene.simulator.behave("3000002", Behaviour::FailFirst { times: 2, status: 503 });
    let mut request =
        check_request(&scene.host.url(CHECK), &token(), Bytes::from_static(br#"{"citizen_id": "3000002"}"#));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", trace.parse().expect("a value"));
    let answer = scene.client.send(request).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["is_eligible"]), (200, &json!(true)));
    let calls = scene.simulator.calls("3000002");
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call.headers["traceparent"], trace);
        assert_eq!(call.headers[header::AUTHORIZATION], "Bearer key-1");
    }
    // A `Retry-After` beyond the call's deadline is passed on to the caller.
    let later =
        Behaviour::Answer { status: 429, content_type: "text/plain", body: Bytes::new(), retry_after: Some(77) };
    scene.simulator.behave("3000004", later);
    let answer = scene.check("3000004").await;
    expect_problem(&answer, 503, "registry-unavailable");
    assert_eq!(answer.header("retry-after"), Some("77"));
    assert_eq!(scene.simulator.calls("3000004").len(), 1);
}

async fn breaker(on: On) {
    let scene = Scene::new(on, &[]).await;
    for number in 0..10 {
        let id = format!("40000{number}0");
        scene.simulator.behave(&id, Behaviour::text(500, ""));
        expect_problem(&scene.check(&id).await, 503, "registry-unavailable");
    }
    let asked = scene.simulator.count();
    assert!(asked < 30, "the breaker did not open: {asked} calls");
    expect_problem(&scene.check("4000098").await, 503, "registry-unavailable");
    assert_eq!(scene.simulator.calls("4000098").len(), 0, "an open breaker does not call the registry");
    assert_eq!(scene.history("4000098").await[0]["status"], "ERROR");
    // The registry works again: the first probe succeeds and closes the breaker.
    let recovered = async {
        while scene.check("4000098").await.status.as_u16() != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recovered).await.expect("the breaker closes again");
}

/// A check on behalf of another subject.
async fn check_by(scene: &Scene, subject: &str, citizen: &str) -> u16 {
    let mut claims = claims();
    claims["sub"] = subject.into();
    let body = json!({"citizen_id": citizen}).to_string();
    let request = check_request(&scene.host.url(CHECK), &sign(&claims, Algorithm::HS256, SECRET), body.into());
    scene.client.send(request).await.status.as_u16()
}

async fn failures_of_one_account(on: On) {
    let scene = Scene::new(on, &[("registry_attempts", "1")]).await;
    let ids: Vec<_> = (0..40).map(|number| (5_000_000 + number).to_string()).collect();
    for id in &ids {
        scene.simulator.behave(id, Behaviour::text(500, ""));
    }
    let mut refused = 0;
    for round in 0..5 {
        for id in &ids {
            assert_eq!(check_by(&scene, "attacker", id).await, 503);
        }
        // The id of the victim that fails alone is not enough either.
        assert_eq!(check_by(&scene, "victim", &ids[0]).await, 503);
        assert_eq!(check_by(&scene, "victim", "1128456232").await, 200, "in round {round}");
        refused += ids.len();
    }
    assert!(scene.simulator.count() < refused / 2, "the registry was asked {} times", scene.simulator.count());
    let ready = scene.client.get(&scene.host.url("/health/ready")).await;
    assert_ne!(ready.json()["dependencies"]["registry_breaker"]["status"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_one_account_open_the_breaker_for_it_alone_embedded() {
    failures_of_one_account(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_one_account_open_the_breaker_for_it_alone_on_servers() {
    failures_of_one_account(On::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_failures_open_the_breaker_until_a_probe_succeeds_embedded() {
    breaker(On::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_failures_open_the_breaker_until_a_probe_succeeds_on_servers() {
    breaker(On::Servers).await;
}
