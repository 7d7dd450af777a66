//! Tests of the routes with fake ports: status and body.

use crate::routes::router;
use crate::services::Services;
use crate::settings::RouteSettings;
use axum::body::Bytes;
use connectivity_domain::document::{Authenticity, DocumentRequest};
use connectivity_domain::job::fakes::{FakeJobRegistry, FakeJobStore};
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_edge::guard::Guard;
use connectivity_edge::response::respond;
use connectivity_edge::router::route;
use connectivity_edge::token::TokenSettings;
use connectivity_edge::token::Verifier;
use http::{Request, Response, StatusCode, header};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const AUTHENTICATE: &str = "/api/v1/documents/authenticate/";
const DELIVER: &str = "/internal/v1/documents/deliveries";

struct Given {
    registry: FakeJobRegistry<DocumentRequest>,
    store: FakeJobStore<DocumentRequest>,
}

fn given(answer: Result<Authenticity, RegistryError>) -> Given {
    Given { registry: FakeJobRegistry::answering(answer), store: FakeJobStore::default() }
}

fn authentic() -> Given {
    let body = Some("\"El documento ha sido autenticado\"".to_owned());
    given(Ok(Authenticity::Authenticated(Evidence { status: 200, body })))
}

fn down() -> Given {
    let retry_after = Duration::from_millis(2_500);
    given(Err(RegistryError::Unavailable(NoVerdict { cause: Cause::Timeout, status: None, retry_after, attempts: 3 })))
}

/// A registry that is not asked, because the circuit breaker is open.
fn not_asked() -> Given {
    let retry_after = Duration::from_secs(9);
    let cause = Cause::BreakerOpen;
    given(Err(RegistryError::Unavailable(NoVerdict { cause, status: None, retry_after, attempts: 0 })))
}

fn document() -> Value {
    json!({"idCitizen": 1_128_456_232, "UrlDocument": "https://bucket.example/f.pdf?signature=secret",
           "documentTitle": "Diploma Grado"})
}

fn token(scope: &str) -> String {
    let claims = json!({"iss": "connectivity", "aud": "connectivity", "sub": "operator", "exp": 1_800_000_900,
                        "iat": 1_800_000_000, "jti": "t", "token_type": "access", "scope": scope});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token")
}

impl Given {
    async fn send(
        &self,
        method: &str,
        path: &str,
        scope: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response<Bytes> {
        self.send_text(method, path, scope, headers, body.to_string()).await
    }

    async fn send_text(
        &self,
        method: &str,
        path: &str,
        scope: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response<Bytes> {
        let tokens = TokenSettings {
            secret: SECRET.into(),
            issuer: "connectivity".into(),
            audience: "connectivity".into(),
            public_keys: None,
            other: None,
        };
        let settings = RouteSettings { ready_key: "ready".into(), failure_key: "failure".into() };
        let services = Services {
            registry: {
                let registry = self.registry.clone();
                Arc::new(move |_, _| registry.clone())
            },
            store: self.store.clone(),
            guard: Arc::new(Guard::tokens_only(Verifier::new(&tokens))),
            settings: Arc::new(settings),
            lease: Duration::from_secs(30),
            now: || NOW,
            new_id: || uuid_like(),
        };
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token(scope)));
        request = request.header(header::CONTENT_TYPE, "application/json").header("traceparent", TRACE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body)).expect("a request");
        respond(request, None, |request| route(router(services), request)).await
    }

    async fn submit(&self, headers: &[(&str, &str)], body: &Value) -> Response<Bytes> {
        self.send("POST", AUTHENTICATE, "documents", headers, body).await
    }

    async fn bridge(&self, path: &str, body: &Value) -> Response<Bytes> {
        self.send("POST", path, "bridge", &[], body).await
    }

    async fn deliver(&self, headers: &[(&str, &str)], message: &Value) -> Response<Bytes> {
        self.send("POST", DELIVER, "bridge", headers, message).await
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        self.send("GET", path, "documents", &[], &Value::Null).await
    }
}

/// Returns a new id at each call.
fn uuid_like() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or(Value::Null)
}

fn expect_problem(response: &Response<Bytes>, status: u16, slug: &str) {
    assert_eq!(response.status().as_u16(), status, "{response:?}");
    assert_eq!(body(response)["type"], format!("urn:connectivity:problem:{slug}"));
}

#[tokio::test]
async fn a_document_is_authenticated_recorded_and_shown() {
    let given = authentic();
    let response = given.submit(&[], &document()).await;
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    let record = body(&response);
    assert_eq!((&record["status"], &record["auth_success"]), (&json!("SUCCESS"), &json!(true)));
    assert_eq!(record["url_document"], "https://bucket.example/f.pdf");
    assert_eq!(record["external_api_response"], "El documento ha sido autenticado");
    let id = record["id"].as_str().expect("an id");
    assert_eq!(body(&given.get(&format!("/api/v1/documents/{id}/")).await), record);
    assert_eq!(body(&given.get(&format!("/api/v1/documents/{}/", id.to_uppercase())).await), record);
    let page = body(&given.get("/api/v1/documents/history/?id_citizen=1128456232").await);
    assert_eq!((&page["count"], &page["results"][0]), (&json!(1), &record));
    for unknown in ["unknown", "%FF", "a%2Fb", "%00"] {
        expect_problem(&given.get(&format!("/api/v1/documents/{unknown}/")).await, 404, "not-found");
    }
    expect_problem(&given.get("/api/v1/documents/history/?id_citizen=1").await, 400, "invalid-citizen-id");
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_response() {
    let given = authentic();
    let key = [("idempotency-key", "k-1")];
    let first = given.submit(&key, &document()).await;
    let second = given.submit(&key, &document()).await;
    assert_eq!((first.status(), body(&first)), (second.status(), body(&second)));
    assert_eq!((given.registry.calls(), given.store.records().len()), (1, 1));
    let mut other = document();
    other["documentTitle"] = "Acta".into();
    expect_problem(&given.submit(&key, &other).await, 422, "message-id-reused");
    let mut named = document();
    named["messageId"] = "m-1".into();
    expect_problem(&given.submit(&key, &named).await, 400, "invalid-request");
    expect_problem(&given.submit(&[("idempotency-key", "")], &document()).await, 400, "invalid-request");
}

#[tokio::test]
async fn an_asynchronous_request_is_accepted_and_its_event_is_leased() {
    let given = authentic();
    let key = [("idempotency-key", "k-1"), ("prefer", "wait=1, Respond-Async; x=1")];
    let response = given.submit(&key, &document()).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()[header::LOCATION].to_str().expect("a path").to_owned();
    assert_eq!(body(&given.get(&location).await)["status"], "PENDING");
    assert_eq!(given.submit(&key, &document()).await.headers()[header::LOCATION], location.as_str());
    assert_eq!(given.registry.calls(), 0);
    let outbox = body(&given.bridge("/internal/v1/outbox", &json!({"limit": 10})).await);
    let event = &outbox["events"][0];
    assert_eq!((&event["kind"], &event["body"]["UrlDocument"]), (&json!("request"), &document()["UrlDocument"]));
    assert_eq!(body(&given.bridge("/internal/v1/outbox", &json!({"limit": 10})).await), json!({"events": []}));
    let message_id = event["message_id"].as_str().expect("an id");
    let delivered = body(&given.deliver(&[("x-message-id", message_id)], &event["body"]).await);
    assert_eq!((&delivered["outcome"], &delivered["event"]["kind"]), (&json!("done"), &json!("result")));
    assert_eq!(body(&given.get(&location).await)["status"], "SUCCESS");
}

#[tokio::test]
async fn the_bridge_gets_the_event_and_marks_it_as_published() {
    let given = authentic();
    let named = [("x-message-id", "m-1")];
    let first = given.deliver(&named, &document()).await;
    assert_eq!(first.status(), StatusCode::OK, "{first:?}");
    assert_eq!(first.headers()["x-message-id"], "m-1");
    let event = body(&first)["event"].clone();
    assert_eq!((&event["routing_key"], &event["traceparent"]), (&json!("ready"), &json!(TRACE)));
    assert_eq!(event["body"]["messageId"], "m-1");
    assert_eq!(body(&given.deliver(&named, &document()).await)["event"], event);
    let published = json!({"results": [event["id"]], "requests": []});
    assert_eq!(given.bridge("/internal/v1/outbox/published", &published).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(given.store.records()[0].event_published_at, Some(NOW));
    expect_problem(&given.send("POST", DELIVER, "documents", &named, &document()).await, 403, "forbidden");
}

#[tokio::test]
async fn without_a_verdict_only_the_last_attempt_finishes_the_request() {
    let given = down();
    let response = given.submit(&[], &document()).await;
    expect_problem(&response, 503, "registry-unavailable");
    assert_eq!(response.headers()[header::RETRY_AFTER], "3");
    let attempt = [("x-message-id", "m-1"), ("x-attempt", "1"), ("x-last-attempt", "false")];
    let refused = given.deliver(&attempt, &document()).await;
    expect_problem(&refused, 503, "registry-unavailable");
    assert_eq!(refused.headers()["x-message-id"], "m-1");
    let last_attempt = [("x-message-id", "m-1"), ("x-attempt", "2"), ("x-last-attempt", "true")];
    let last = body(&given.deliver(&last_attempt, &document()).await);
    assert_eq!((&last["outcome"], &last["event"]["routing_key"]), (&json!("done-without-verdict"), &json!("failure")));
    assert_eq!(last["event"]["body"]["authSuccess"], false);
    let unreachable = Given { store: FakeJobStore::down(), ..authentic() };
    expect_problem(&unreachable.deliver(&last_attempt, &document()).await, 503, "storage-unavailable");
    expect_problem(&unreachable.submit(&[], &document()).await, 503, "storage-unavailable");
}

#[tokio::test]
async fn the_problem_says_whether_the_registry_was_asked() {
    let named = [("x-message-id", "m-1")];
    let response = not_asked().deliver(&named, &document()).await;
    expect_problem(&response, 503, "registry-unavailable");
    assert_eq!((&body(&response)["asked"], &response.headers()[header::RETRY_AFTER]), (&json!(false), "9"));
    assert_eq!(body(&down().deliver(&named, &document()).await).get("asked"), None);
}

#[tokio::test]
async fn the_bridge_can_ask_how_long_records_have_been_waiting() {
    let given = authentic();
    let ages = json!({"limit": 1, "waiting": true});
    let empty = body(&given.bridge("/internal/v1/outbox", &ages).await);
    let none = json!({"events": [], "oldest_pending_seconds": null, "oldest_unpublished_seconds": null});
    assert_eq!(empty, none);
    given.submit(&[("prefer", "respond-async")], &document()).await;
    given.submit(&[], &document()).await;
    let filled = body(&given.bridge("/internal/v1/outbox", &ages).await);
    let found = (&filled["oldest_pending_seconds"], &filled["oldest_unpublished_seconds"]);
    assert_eq!(found, (&json!(0.0), &json!(0.0)), "{filled}");
}

#[tokio::test]
async fn an_invalid_request_is_rejected_and_its_field_is_named() {
    let given = authentic();
    for (field, value) in [
        ("idCitizen", json!("12345")),
        ("UrlDocument", json!("https://me:secret@host/")),
        ("documentTitle", json!("")),
        ("documentId", json!([])),
    ] {
        let mut wrong = document();
        wrong[field] = value;
        let response = given.submit(&[], &wrong).await;
        expect_problem(&response, 400, "invalid-document");
        assert_eq!(body(&response)["field"], field);
        assert!(!String::from_utf8_lossy(response.body()).contains("secret"));
        expect_problem(&given.deliver(&[("x-message-id", "m-1")], &wrong).await, 400, "invalid-document");
    }
    assert_eq!((given.registry.calls(), given.store.records().len()), (0, 0));
}

#[tokio::test]
async fn a_malformed_body_is_rejected_and_the_problem_says_why() {
    let given = authentic();
    for (text, expected) in [
        ("", "the body is empty: send a JSON object"),
        ("\u{FEFF}{}", "the body begins with a byte order mark: send UTF-8 without one"),
        ("[]", "the body is a JSON array: send a JSON object"),
        ("{\"idCitizen\":1,}", "the body is not valid JSON: trailing comma at line 1 column 16"),
        ("{\"idCitizen\":1,\"idCitizen\":2}", "the field \"idCitizen\" occurs more than once"),
    ] {
        let response = given.send_text("POST", AUTHENTICATE, "documents", &[], text.to_owned()).await;
        expect_problem(&response, 400, "invalid-request");
        assert_eq!(body(&response)["detail"], expected, "{text}");
    }
    // The detail of a delivery becomes the reason in the dead-letter queue.
    let delivery = given.send_text("POST", DELIVER, "bridge", &[], "not JSON".to_owned()).await;
    expect_problem(&delivery, 400, "invalid-request");
    assert_eq!(body(&delivery)["detail"], "the request is not a JSON object");
    let delivery = given.send_text("POST", DELIVER, "bridge", &[], "x".repeat(1024 * 1024)).await;
    expect_problem(&delivery, 413, "payload-too-large");
    assert_eq!(body(&delivery)["detail"], "the request is longer than 65536 bytes");
    assert_eq!((given.registry.calls(), given.store.records().len()), (0, 0));
}
