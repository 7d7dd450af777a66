//! A registry that misbehaves byte by byte: whatever it does, no verdict comes out that it did not
//! give.

use connectivity_tests::backend::On;
use connectivity_tests::check::Scene;
use connectivity_tests::client::{Answer, token};
use connectivity_tests::raw_registry::RawRegistry;
use connectivity_tests::raw_registry::behaviours::{Behaviour, table};
use govcarpeta_simulator::Simulator;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use std::time::{Duration, Instant};

/// The hosts over which the behaviours are distributed, each with a registry of its own.
const HOSTS: usize = 3;

/// Good checks before each behaviour, which keep the circuit breaker closed.
const GOOD: usize = 10;

/// The longest time that an answer may take with one attempt of 300 ms.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

async fn authenticate(scene: &Scene, title: &str) -> Answer {
    let body =
        json!({"idCitizen": 1_128_456_231, "UrlDocument": "https://bucket.example/a.pdf", "documentTitle": title});
    let request = Request::post(scene.host.url("/api/v1/documents/authenticate/"))
        .header("authorization", format!("Bearer {}", token()))
        .header("content-type", "application/json");
    scene.client.send(request.body(Full::from(body.to_string())).expect("a request")).await
}

/// Asks three questions about affiliated citizens and one about a document while the registry behaves
/// in this way. Returns what came out wrong.
async fn wrong_under(behaviour: Behaviour, scene: &Scene, registry: &RawRegistry) -> Vec<String> {
    let (name, says, mut wrong) = (behaviour.name, behaviour.says, Vec::new());
    registry.behave(None);
    for _ in 0..GOOD {
        let answer = scene.check("1128456232").await;
        assert_eq!(answer.json()["is_eligible"], true, "before {name:?}: {answer:?} {:#?}", scene.host.log());
    }
    registry.behave(Some(behaviour));
    let started = Instant::now();
    let document = authenticate(scene, name);
    let checks = async {
        // One after another, so that an answer of the first could be taken for one of the next.
        [scene.check("1128456231").await, scene.check("1128456233").await]
    };
    let (document, checks) = tokio::join!(document, checks);
    for (citizen, check) in ["1128456231", "1128456233"].into_iter().zip(checks) {
        let eligible = check.json()["is_eligible"].as_bool();
        if eligible.is_some_and(|eligible| !says.allows_eligible(eligible)) {
            wrong.push(format!("{name}: {check:?}"));
        }
        if check.status != 200 && (check.status != 503 || eligible.is_some()) {
            wrong.push(format!("{name}: {check:?}"));
        }
        let expected = match eligible {
            Some(true) => "ELIGIBLE",
            Some(false) => "ALREADY_AFFILIATED",
            None => "ERROR",
        };
        let recorded = scene.history(citizen).await[0]["status"].take();
        if recorded != expected {
            wrong.push(format!("{name}: {check:?} was recorded as {recorded}"));
        }
    }
    let status = document.json()["status"].as_str().unwrap_or_default().to_owned();
    if !says.allows_status(&status) || ![200, 503].contains(&document.status.as_u16()) {
        wrong.push(format!("{name}: {document:?}"));
    }
    if started.elapsed() > ANSWERED_WITHIN {
        wrong.push(format!("{name}: answered after {:?}", started.elapsed()));
    }
    // Otherwise nothing was tried, because the circuit breaker is open.
    assert!(registry.asked() >= 1, "{name}: the registry was asked {} times", registry.asked());
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_registry_sends_becomes_a_verdict_that_it_did_not_give() {
    let shares = (0..HOSTS).map(async |share| {
        let registry = RawRegistry::start().await.expect("a registry");
        let variables = [("registry_attempts", "1"), ("registry_timeout_ms", "300")];
        let simulator = Simulator::start().await.expect("a simulator");
        let scene = Scene::asking(On::Embedded, simulator, &registry.url(), &variables).await;
        let mut wrong = Vec::new();
        for behaviour in table().into_iter().skip(share).step_by(HOSTS) {
            wrong.extend(wrong_under(behaviour, &scene, &registry).await);
        }
        wrong
    });
    let wrong = futures_util::future::join_all(shares).await.concat();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
