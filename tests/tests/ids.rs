//! Black-box tests of the ids of requests, and of requests that the queue has lost.

use connectivity_tests::client::{Client, claims, sign};
use connectivity_tests::host::SECRET;
use connectivity_tests::pipeline::{Pipeline, request};
use govcarpeta_simulator::Simulator;
use http::Request;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const QUICK: (&str, &str) = ("BRIDGE_RETRY_DELAYS", "100ms,300ms,1s");

fn post(url: &str, scope: &str, message: &Value) -> Request<http_body_util::Full<bytes::Bytes>> {
    let mut claims = claims();
    claims["scope"] = scope.into();
    Request::post(url)
        .header("authorization", format!("Bearer {}", sign(&claims, Algorithm::HS256, SECRET)))
        .header("content-type", "application/json")
        .header("x-correlation-id", "correlation")
        .body(message.to_string().into_bytes().into())
        .expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_over_http_cannot_take_the_id_of_a_message_to_come() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    let url = pipeline.host.url("/api/v1/documents/authenticate/");
    let mut squatted = request("m-1");
    squatted["documentTitle"] = "squatted".into();
    let answer = Client::default().send(post(&url, "documents", &squatted)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["message_id"]), (200, &"m-1".into()), "{answer:?}");
    pipeline.publish(request("m-1").to_string().as_bytes()).await;
    let arrived = pipeline.results(2).await;
    let titles: BTreeSet<_> = arrived.iter().filter_map(|event| event.body["documentTitle"].as_str()).collect();
    assert_eq!(titles, BTreeSet::from(["m-1", "squatted"]), "{arrived:?}");
    assert!(arrived.iter().all(|event| event.body["messageId"] == "m-1" && event.body["status"] == "SUCCESS"));
    assert_ne!(arrived[0].message_id, arrived[1].message_id, "consumers can tell them apart");
    assert_eq!(pipeline.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_a_citizens_id_are_one_citizen_on_every_way() {
    let pipeline = Pipeline::start(&[QUICK]).await;
    let spelled = |name: &str, id: Value| {
        let mut message = request(name);
        message["idCitizen"] = id;
        message
    };
    let url = pipeline.host.url("/api/v1/documents/authenticate/");
    let mut asynchronous = post(&url, "documents", &spelled("async", "0012345679".into()));
    asynchronous.headers_mut().insert("prefer", http::HeaderValue::from_static("respond-async"));
    let accepted = Client::default().send(asynchronous).await;
    assert_eq!(accepted.status.as_u16(), 202, "{accepted:?}");
    for (name, id) in [("zeros", json!("0012345679")), ("float", json!(12_345_679.0)), ("plain", json!(12_345_679))] {
        pipeline.publish(spelled(name, id).to_string().as_bytes()).await;
    }
    let results = pipeline.results(4).await;
    let is_result = |body: &Value| body["idCitizen"] == 12_345_679 && body["status"] == "SUCCESS";
    assert!(results.iter().all(|event| is_result(&event.body)), "{results:?}");
    assert_eq!(pipeline.dead_letters().await, 0);
    let history = pipeline.host.url("/api/v1/documents/history/?id_citizen=000012345679");
    assert_eq!(Client::default().get(&history).await.json()["count"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_queue_has_lost_is_handed_over_again() {
    let simulator = Simulator::start().await.expect("a simulator");
    let pipeline = Pipeline::with_variables(simulator, &[("requeue_after_seconds", "1")], &[QUICK]).await;
    pipeline.broker.collect().await.expect("a queue for results");
    pipeline.simulator.set_down(true);
    // A delivery of a message that no queue has.
    let url = pipeline.host.url("/internal/v1/documents/deliveries");
    let delivered = Client::default().send(post(&url, "bridge", &request("lost"))).await;
    assert_eq!(delivered.status.as_u16(), 503, "{delivered:?}");
    assert_eq!(pipeline.statuses().await, [("lost".to_owned(), "PENDING".to_owned())]);
    pipeline.simulator.set_down(false);
    let result = pipeline.results(1).await.remove(0);
    assert_eq!((&result.body["messageId"], &result.body["status"]), (&"lost".into(), &"SUCCESS".into()));
    assert_eq!(result.correlation_id, "correlation", "it is stored with the request");
    assert_eq!(pipeline.statuses().await, [("lost".to_owned(), "SUCCESS".to_owned())], "it is the same request");
}
