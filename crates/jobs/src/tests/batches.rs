//! Several deliveries in one request.

use super::*;
use connectivity_domain::job::MAX_TOGETHER;

const OTHER_TRACE: &str = "00-11111111111111111111111111111111-2222222222222222-01";

fn delivery(id: &str) -> (Value, String) {
    (json!({"x-message-id": id}), request().to_string())
}

/// Returns the answers in a response: the id of each request, and the outcome or the slug of the
/// problem.
fn answers(response: &Response<Bytes>) -> Vec<(Option<String>, String)> {
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let answer = |part: &Value| {
        let slug = || text(&part["problem"]["type"]).and_then(|it| it.rsplit(':').next().map(str::to_owned));
        (text(&part["message_id"]), text(&part["finished"]["outcome"]).or_else(slug).unwrap_or_default())
    };
    json(response)["deliveries"].as_array().expect("answers").iter().map(answer).collect()
}

#[tokio::test]
async fn each_delivery_of_a_batch_has_its_own_answer() {
    let given = greeted();
    given.deliver(&[("x-message-id", "known")], request()).await;
    let (ended, replay) = (delivery("ended"), json!({"x-message-id": "replayed", "x-replay": "1"}));
    given.deliver(&[("x-message-id", "ended"), ("x-removed", "true")], request()).await;
    let other = json!({"idCitizen": 1_128_456_233}).to_string();
    let response = given
        .deliver_batch(&[
            delivery("new"),
            (json!({}), "not JSON".to_owned()),
            delivery("new"),
            (json!({"x-message-id": "removed", "x-removed": "true"}), request().to_string()),
            delivery("known"),
            ended,
            (replay, request().to_string()),
            (json!({"x-message-id": "known"}), other),
            (json!({}), "x".repeat(64 * 1024 + 1)),
            delivery("last"),
        ])
        .await;
    let expected = [
        (Some("new"), "done"),
        (None, "invalid-request"),
        (Some("new"), "in-progress"),
        (Some("removed"), "done-without-verdict"),
        (Some("known"), "done"),
        (Some("ended"), "done-without-verdict"),
        (Some("replayed~1"), "done"),
        (Some("known"), "message-id-reused"),
        (None, "payload-too-large"),
        (Some("last"), "done"),
    ];
    let expected = expected.map(|(id, outcome)| (id.map(str::to_owned), outcome.to_owned()));
    assert_eq!(answers(&response), expected);
    assert_eq!(given.registry.calls(), 4, "of known, new, replayed~1 and last");
}

#[tokio::test]
async fn answers_are_those_of_single_deliveries() {
    let (given, down) = (greeted(), down());
    let body = json(&given.deliver_batch(&[delivery("m-1"), delivery("m-2")]).await);
    let alone = json(&given.deliver(&[("x-message-id", "m-2")], request()).await);
    assert_eq!(body["deliveries"][1]["finished"], alone);
    let problem = |response: &Response<Bytes>| json(response)["deliveries"][0]["problem"].clone();
    let unavailable = problem(&down.deliver_batch(&[delivery("m-1"), delivery("m-2")]).await);
    let mut alone = json(&down.deliver(&[("x-message-id", "m-1")], request()).await);
    (alone["retry_after"], alone["request_id"]) = (json!(3), Value::Null);
    let mut expected = unavailable;
    expected["request_id"] = Value::Null;
    assert_eq!(expected, alone);
    let without_store = Given { store: FakeJobStore::down(), ..greeted() };
    let answered = answers(&without_store.deliver_batch(&[delivery("m-1"), delivery("m-2")]).await);
    assert!(answered.iter().all(|(_, slug)| slug == "storage-unavailable"), "{answered:?}");
}

#[tokio::test]
async fn deliveries_of_a_batch_have_their_own_traces_and_properties() {
    let given = greeted();
    let headers = json!({"x-message-id": "m-1", "x-correlation-id": "c-1", "traceparent": OTHER_TRACE,
                         "not a name": "1", "x-reply-to": "not\nvalid"});
    let response = json(&given.deliver_batch(&[(headers, request().to_string()), delivery("m-2")]).await);
    let event = |index: usize| response["deliveries"][index]["finished"]["event"].clone();
    assert_eq!((&event(0)["traceparent"], &event(1)["traceparent"]), (&json!(OTHER_TRACE), &Value::Null));
    assert_eq!((&event(0)["correlation_id"], &event(0)["reply_to"]), (&json!("c-1"), &Value::Null));
    let records = given.store.records();
    let [first, second] = [&records[0], &records[1]].map(|record| record.requester.request_id.as_deref());
    assert!(first.is_some() && first == second, "both have the id of their request in the log");
}

#[tokio::test]
async fn batch_has_at_least_one_delivery_and_at_most_as_many_as_are_claimed_together() {
    let given = greeted();
    expect_problem(&given.deliver_batch(&[]).await, 400, "invalid-request");
    let deliveries: Vec<_> = (0..=MAX_TOGETHER).map(|number| delivery(&number.to_string())).collect();
    expect_problem(&given.deliver_batch(&deliveries).await, 400, "invalid-request");
    assert_eq!(given.registry.calls(), 0);
    let answered = answers(&given.deliver_batch(&deliveries[1..]).await);
    assert_eq!(answered.iter().filter(|(_, outcome)| outcome == "done").count(), MAX_TOGETHER);
}
