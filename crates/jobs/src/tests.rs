//! Tests of the routes with a second job, which asks nothing but whether a citizen was greeted.

use crate::job::Job;
use crate::testing::{Fixture, LEASE, NOW, REQUEUE_AFTER, TRACE, expect_problem, json, unavailable};
use bytes::Bytes;
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::job::fakes::FakeJobStore;
use connectivity_domain::job::submission::{citizen, message_id, parse_fields};
use connectivity_domain::job::{
    Claim, Correlation, JobStore, MessageId, Origin, Outbox, Question, Record, RequestError, Requester, Submission,
    Verdict,
};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::verdict::{Cause, Evidence};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Greeting(CitizenId);

#[derive(Clone, Debug)]
struct Greeted(Evidence);

impl Verdict for Greeted {
    const NEGATIVE: &'static str = "the citizen was not greeted";

    fn is_positive(&self) -> bool {
        self.0.status == 200
    }

    fn evidence(&self) -> &Evidence {
        &self.0
    }
}

impl Question for Greeting {
    type Verdict = Greeted;

    fn parse(bytes: &[u8]) -> Result<Submission<Self>, RequestError> {
        let mut fields: Map<String, Value> = parse_fields(bytes, "a field appears twice")?;
        let message_id = message_id("messageId", fields.remove("messageId"))?;
        Ok(Submission { message_id, request: Self(citizen("idCitizen", fields.remove("idCitizen"))?) })
    }

    fn citizen(&self) -> &CitizenId {
        &self.0
    }

    fn to_message(&self) -> Map<String, Value> {
        [("idCitizen".to_owned(), self.0.as_str().into())].into_iter().collect()
    }

    fn result_fields(record: &Record<Self>) -> Map<String, Value> {
        [("greeted".to_owned(), record.status.verdict().into())].into_iter().collect()
    }
}

struct Greetings;

impl Job for Greetings {
    type Question = Greeting;
    type Shown<'a> = Value;

    const NAME: &'static str = "greetings";
    const ACTION: &'static str = "greet";
    const SUBJECT: &'static str = "greeting";
    const INVALID_FIELD: ProblemKind = ProblemKind::InvalidRequest;

    fn shown(record: &Record<Greeting>) -> Value {
        json!({"id": record.id, "status": record.status.as_str(), "greeted": record.status.verdict(),
               "message_id": record.message_id.as_str()})
    }
}

type Given = Fixture<Greetings>;

fn greeted() -> Given {
    Given::answering(Ok(Greeted(Evidence { status: 200, body: None })))
}

fn down() -> Given {
    Given::answering(Err(unavailable(Cause::Timeout, Duration::from_millis(2_500))))
}

fn request() -> Value {
    json!({"idCitizen": 1_128_456_232})
}

/// Returns the text of a header.
fn text<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers()[name].to_str().expect("text")
}

fn named(id: &str) -> Value {
    json!({"idCitizen": 1_128_456_232, "messageId": id})
}

#[tokio::test]
async fn a_request_is_answered_recorded_and_shown() {
    let given = greeted();
    let answer = given.submit(&[], request()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let record = json(&answer);
    assert_eq!((&record["status"], &record["greeted"]), (&json!("SUCCESS"), &json!(true)));
    let id = record["id"].as_str().expect("an id");
    assert_eq!(json(&given.get(&format!("/api/v1/greetings/{id}/")).await), record);
    assert_eq!(json(&given.get(&format!("/api/v1/greetings/{}/", id.to_uppercase())).await), record);
    let page = json(&given.get("/api/v1/greetings/history/?id_citizen=1128456232&page_size=1").await);
    assert_eq!((&page["count"], &page["results"][0], &page["next"]), (&json!(1), &record, &Value::Null));
    for unknown in ["unknown", "%FF", "a%2Fb", "%00"] {
        expect_problem(&given.get(&format!("/api/v1/greetings/{unknown}/")).await, 404, "not-found");
    }
    expect_problem(&given.get("/api/v1/greetings/history/?id_citizen=1").await, 400, "invalid-citizen-id");
}

#[tokio::test]
async fn pages_link_to_the_path_of_the_job() {
    let given = greeted();
    for _ in 0..2 {
        given.submit(&[], request()).await;
    }
    let page = json(&given.get("/api/v1/greetings/history/?id_citizen=1128456232&page_size=1").await);
    assert_eq!(page["next"], "/api/v1/greetings/history/?id_citizen=1128456232&page=2&page_size=1");
}

#[tokio::test]
async fn each_route_needs_its_scope() {
    let given = greeted();
    let paths = &given.paths;
    for (scope, method, path) in [
        ("bridge", "POST", &paths.submit),
        ("bridge", "GET", &paths.history),
        ("bridge", "GET", &paths.find),
        ("greetings", "POST", &paths.deliveries),
        ("greetings", "POST", &paths.batch),
        ("greetings", "POST", &paths.outbox),
        ("greetings", "POST", &paths.published),
        ("documents", "POST", &paths.submit),
    ] {
        let path = path.replace("{id}", "id");
        let answer = given.send_as(("operator", scope), (method, &path), &[], request().to_string()).await;
        expect_problem(&answer, 403, "forbidden");
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_response() {
    let given = greeted();
    let key = [("idempotency-key", "k-1")];
    let first = given.submit(&key, request()).await;
    let second = given.submit(&key, request()).await;
    assert_eq!((first.status(), json(&first)), (second.status(), json(&second)));
    assert_eq!((given.registry.calls(), given.store.records().len()), (1, 1));
    let other = given.submit(&key, json!({"idCitizen": 1_128_456_233})).await;
    expect_problem(&other, 422, "message-id-reused");
    let detail = "this message id or idempotency key belongs to another greeting: use a new one";
    assert_eq!(json(&other)["detail"], detail);
    expect_problem(&given.submit(&key, named("m-1")).await, 400, "invalid-request");
    expect_problem(&given.submit(&[("idempotency-key", "")], request()).await, 400, "invalid-request");
}

#[tokio::test]
async fn an_asynchronous_request_is_accepted_and_its_event_is_leased() {
    let given = greeted();
    let key = [("idempotency-key", "k-1"), ("prefer", "wait=1, Respond-Async; x=1")];
    let answer = given.submit(&key, request()).await;
    assert_eq!((answer.status(), text(&answer, "preference-applied")), (StatusCode::ACCEPTED, "respond-async"));
    let location = text(&answer, "location").to_owned();
    assert!(location.starts_with("/api/v1/greetings/"), "{location}");
    assert_eq!(json(&given.get(&location).await)["status"], "PENDING");
    assert_eq!(text(&given.submit(&key, request()).await, "location"), location);
    assert_eq!(given.registry.calls(), 0);
    let outbox = given.lease(&json!({"limit": 10})).await;
    let event = &outbox["events"][0];
    assert_eq!((&event["kind"], &event["routing_key"]), (&json!("request"), &Value::Null));
    assert_eq!(event["body"]["idCitizen"], "1128456232");
    assert_eq!(event["body"]["messageId"], event["message_id"]);
    assert_eq!(given.lease(&json!({"limit": 10})).await, json!({"events": []}));
    let message_id = event["message_id"].as_str().expect("an id");
    let delivered = json(&given.deliver(&[("x-message-id", message_id)], &event["body"]).await);
    assert_eq!((&delivered["outcome"], &delivered["event"]["kind"]), (&json!("done"), &json!("result")));
    assert_eq!(json(&given.get(&location).await)["status"], "SUCCESS");
}

#[tokio::test]
async fn the_bridge_gets_the_event_and_marks_it_as_published() {
    let given = greeted();
    let id = [("x-message-id", "m-1")];
    let first = given.deliver(&id, request()).await;
    assert_eq!((first.status(), text(&first, "x-message-id")), (StatusCode::OK, "m-1"));
    let event = json(&first)["event"].clone();
    assert_eq!((&event["routing_key"], &event["traceparent"]), (&json!("ready"), &json!(TRACE)));
    assert_eq!((&event["body"]["messageId"], &event["body"]["greeted"]), (&json!("m-1"), &json!(true)));
    assert_eq!(json(&given.deliver(&id, request()).await)["event"], event, "a repeated delivery is the same request");
    assert_eq!(given.registry.calls(), 1);
    let published = json!({"results": [event["id"]], "requests": []});
    assert_eq!(given.published(&published).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(given.store.records()[0].event_published_at, Some(NOW));
}

#[tokio::test]
async fn the_id_of_a_delivery_is_that_of_the_body_else_that_of_the_message_else_a_digest() {
    let id = async |headers: &[(&str, &str)], body: Value| {
        let answer = greeted().deliver(headers, body).await;
        text(&answer, "x-message-id").to_owned()
    };
    let amqp = ("x-message-id", "amqp");
    assert_eq!(id(&[amqp], named("m")).await, "m");
    assert_eq!(id(&[amqp], request()).await, "amqp");
    assert_eq!(id(&[], request()).await, id(&[("x-message-id", "not an id")], request()).await);
    assert_ne!(id(&[], request()).await, id(&[], json!({"idCitizen": 1_128_456_233})).await);
    assert_eq!(id(&[("x-replay", "2")], named("m")).await, "m~2");
    assert_eq!(id(&[("x-replay", "0")], named("m")).await, "m");
    assert_eq!(id(&[("x-replay", "no number")], named("m")).await, "m");
}

#[tokio::test]
async fn a_replay_of_a_request_without_a_verdict_is_a_request_of_its_own() {
    let last = [("x-message-id", "m-1"), ("x-give-up-after", "0")];
    let given = down();
    let ended = json(&given.deliver(&last, request()).await);
    assert_eq!(
        (&ended["outcome"], &ended["event"]["routing_key"]),
        (&json!("done-without-verdict"), &json!("failure"))
    );
    let recovered = Given { store: given.store.clone(), ..greeted() };
    let again = json(&recovered.deliver(&last, request()).await);
    assert_eq!(again, ended, "without x-replay it is the finished request");
    let replay = [("x-message-id", "m-1"), ("x-replay", "1")];
    let replayed = json(&recovered.deliver(&replay, request()).await);
    assert_eq!((&replayed["outcome"], &replayed["event"]["body"]["messageId"]), (&json!("done"), &json!("m-1~1")));
}

#[tokio::test]
async fn an_id_is_free_whoever_else_has_used_it() {
    let given = greeted();
    let squatted = json!({"idCitizen": 1_128_456_233, "messageId": "m-1"});
    assert_eq!(given.submit_as("squatter", &[], &squatted).await.status(), StatusCode::OK);
    let own = json(&given.submit(&[], named("m-1")).await);
    assert_eq!((&own["status"], &own["message_id"]), (&json!("SUCCESS"), &json!("m-1")));
    assert_eq!(json(&given.submit(&[], named("m-1")).await), own, "a repetition is the same request");
    let delivered = json(&given.deliver(&[], named("m-1")).await);
    assert_eq!((&delivered["outcome"], &delivered["event"]["body"]["messageId"]), (&json!("done"), &json!("m-1")));
    expect_problem(&given.submit(&[], squatted).await, 422, "message-id-reused");
    // The keys of the records cannot be given either, so they cannot be taken in advance.
    for record in given.store.records() {
        let answer = given.deliver(&[("x-message-id", record.message_id.key())], json!({"idCitizen": 7_654_321})).await;
        assert_eq!(answer.status(), if record.message_id.key() == "m-1" { 422 } else { 200 }, "{record:?}");
    }
    let ids: std::collections::BTreeSet<_> =
        given.store.records().iter().map(|record| record.message_id.result_id()).collect();
    assert_eq!(ids.len(), given.store.records().len(), "each result has an id of its own");
}

#[tokio::test]
async fn only_the_message_with_the_content_of_the_record_is_handed_over() {
    let given = greeted();
    given.submit(&[("prefer", "respond-async")], named("m-1")).await;
    let event = given.lease(&json!({"limit": 1})).await["events"][0].clone();
    let (id, body) = (event["message_id"].as_str().expect("an id"), &event["body"]);
    let forged = given.deliver(&[("x-message-id", id)], json!({"idCitizen": 7_654_321})).await;
    assert_eq!((forged.status(), given.store.records().len()), (StatusCode::OK, 2), "a request of its own");
    let delivered = given.deliver(&[], body).await;
    assert_eq!((text(&delivered, "x-message-id"), &json(&delivered)["event"]["id"]), ("m-1", &event["id"]));
    let unknown = given.deliver(&[("x-message-id", "record:unknown")], request()).await;
    assert_eq!(text(&unknown, "x-message-id"), "record:unknown");
    let replayed = given.deliver(&[("x-replay", "1")], body).await;
    assert_eq!(text(&replayed, "x-message-id"), "m-1~1");
}

#[tokio::test]
async fn a_pending_request_is_handed_to_the_queue_again() {
    let given = down();
    given.deliver(&[("x-message-id", "m-1")], request()).await;
    let due = NOW.plus(LEASE).plus(REQUEUE_AFTER);
    let lease = async |at| given.store.lease(10, "lease", at, at).await.expect("a lease").len();
    assert_eq!((lease(NOW.plus(REQUEUE_AFTER)).await, lease(due).await), (0, 1));
    let pending = given.store.records()[0].id.clone();
    given.published(&json!({"results": [], "requests": [pending]})).await;
    assert_eq!((lease(NOW).await, lease(NOW.plus(REQUEUE_AFTER)).await), (0, 1), "it stays in the outbox");
}

#[tokio::test]
async fn the_result_repeats_the_correlation_of_the_request() {
    let given = greeted();
    let long = "x".repeat(256);
    for (id, expected) in [("c-1", json!("c-1")), (&long, Value::Null)] {
        let headers = [("x-message-id", id), ("x-correlation-id", id), ("x-reply-to", "replies")];
        let event = json(&given.deliver(&headers, request()).await)["event"].clone();
        assert_eq!((&event["correlation_id"], &event["reply_to"]), (&expected, &json!("replies")));
    }
}

#[tokio::test]
async fn a_request_in_progress_elsewhere_is_not_asked_again() {
    let given = greeted();
    let message_id = MessageId::parse("m-1").expect("an id");
    let (id, token) = ("id-0".to_owned(), "token".to_owned());
    let (origin, correlation) = (Origin::Queue, Correlation::default());
    let (at, until, enqueue_at) = (NOW, NOW.plus(LEASE), NOW.plus(REQUEUE_AFTER));
    let (asked, requester) = (Greeting(CitizenId::parse("1128456232").expect("an id")), Requester::default());
    let trace = None;
    let claim =
        Claim { id, token, message_id, request: asked, origin, enqueue_at, correlation, requester, trace, at, until };
    given.store.claim(&claim).await.expect("a claim");
    let answer = given.deliver(&[("x-message-id", "m-1")], request()).await;
    expect_problem(&answer, 409, "in-progress");
    assert_eq!((text(&answer, "retry-after"), given.registry.calls()), ("30", 0));
    let other = given.deliver(&[("x-message-id", "m-1")], json!({"idCitizen": 1_128_456_233})).await;
    expect_problem(&other, 422, "message-id-reused");
}

#[tokio::test]
async fn without_a_verdict_a_request_is_finished_when_it_is_given_up() {
    let given = down();
    let answer = given.submit(&[], request()).await;
    expect_problem(&answer, 503, "registry-unavailable");
    assert_eq!(text(&answer, "retry-after"), "3");
    let refused = given.deliver(&[("x-message-id", "m-1"), ("x-give-up-after", "1")], request()).await;
    expect_problem(&refused, 503, "registry-unavailable");
    assert_eq!((text(&refused, "x-message-id"), json(&refused).get("asked")), ("m-1", None));
    let last = json(&given.deliver(&[("x-message-id", "m-1"), ("x-give-up-after", "0")], request()).await);
    assert_eq!((&last["outcome"], &last["event"]["body"]["greeted"]), (&json!("done-without-verdict"), &Value::Null));
    let unreachable = Given { store: FakeJobStore::down(), ..greeted() };
    expect_problem(&unreachable.deliver(&[], request()).await, 503, "storage-unavailable");
    expect_problem(&unreachable.submit(&[], request()).await, 503, "storage-unavailable");
}

#[tokio::test]
async fn a_removed_request_is_finished_as_an_error_without_asking_the_registry() {
    let given = greeted();
    let headers = [("x-message-id", "m-1"), ("x-removed", "true")];
    let given_up = json(&given.deliver(&headers, request()).await);
    assert_eq!(given_up["outcome"], "done-without-verdict");
    let again = json(&given.deliver(&headers[..1], request()).await);
    assert_eq!(again, given_up, "the outcome is final");
    let done = json(&given.deliver(&[("x-message-id", "m-2")], request()).await);
    assert_eq!(done["outcome"], "done");
    let late = json(&given.deliver(&[("x-message-id", "m-2"), ("x-removed", "true")], request()).await);
    assert_eq!(late, done, "a verdict is kept");
}

#[tokio::test]
async fn the_problem_says_whether_the_registry_was_asked() {
    let given = Given::answering(Err(unavailable(Cause::BreakerOpen, Duration::from_secs(9))));
    let answer = given.deliver(&[], request()).await;
    expect_problem(&answer, 503, "registry-unavailable");
    assert_eq!((&json(&answer)["asked"], text(&answer, "retry-after")), (&json!(false), "9"));
}

#[tokio::test]
async fn the_bridge_can_ask_how_long_records_have_been_waiting() {
    let given = greeted();
    let waiting = json!({"limit": 1, "waiting": true});
    let none = json!({"events": [], "oldest_pending_seconds": null, "oldest_unpublished_seconds": null});
    assert_eq!(given.lease(&waiting).await, none);
    given.submit(&[("prefer", "respond-async")], request()).await;
    given.submit(&[], request()).await;
    let filled = given.lease(&waiting).await;
    let ages = (&filled["oldest_pending_seconds"], &filled["oldest_unpublished_seconds"]);
    assert_eq!(ages, (&json!(0.0), &json!(0.0)), "{filled}");
}

#[tokio::test]
async fn an_invalid_request_is_rejected_before_the_registry_is_asked() {
    let given = greeted();
    let wrong = given.submit(&[], json!({"idCitizen": true})).await;
    expect_problem(&wrong, 400, "invalid-request");
    assert_eq!(json(&wrong)["field"], "idCitizen");
    assert_eq!(json(&given.submit(&[], "[]").await)["detail"], "the body is a JSON array: send a JSON object");
    // The detail of a delivery becomes the reason in the dead-letter queue.
    assert_eq!(json(&given.deliver(&[], "[]").await)["detail"], "the request is not a JSON object");
    expect_problem(&given.deliver(&[], "x".repeat(1024 * 1024)).await, 413, "payload-too-large");
    assert_eq!((given.registry.calls(), given.store.records().len()), (0, 0));
}

mod attribution;
mod batches;
