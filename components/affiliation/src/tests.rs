//! Tests of the routes with fake ports: status and body.

use crate::routes::router;
use crate::services::{Ports, Services};
use bytes::Bytes;
use connectivity_domain::audit::fakes::FakeAuditLog;
use connectivity_domain::audit::{Action, Entry};
use connectivity_domain::check::fakes::{FakeAffiliatedCache, FakeRegistry, FakeStore};
use connectivity_domain::check::{Affiliation, NoVerdict, RegistryError};
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_edge::guard::Guard;
use connectivity_edge::response::respond;
use connectivity_edge::router::route;
use connectivity_edge::token::Verifier;
use connectivity_edge::token::{OwnKeys, TokenSettings};
use http::{Method, Request, Response, StatusCode, header};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// The number of ids that were made. Each record has another one.
static IDS: AtomicU32 = AtomicU32::new(0);

struct Given {
    registry: FakeRegistry,
    store: FakeStore,
    affiliated: FakeAffiliatedCache,
    audit: FakeAuditLog,
    affiliated_without_body: bool,
}

fn given(answer: Result<Affiliation, RegistryError>) -> Given {
    Given {
        registry: FakeRegistry::answering(answer),
        store: FakeStore::default(),
        affiliated: FakeAffiliatedCache::default(),
        audit: FakeAuditLog::default(),
        affiliated_without_body: false,
    }
}

fn eligible() -> Given {
    given(Ok(Affiliation::None(Evidence { status: 204, body: None })))
}

fn affiliated() -> Given {
    given(Ok(Affiliation::Affiliated(Evidence { status: 200, body: Some("\"en el operador\"".into()) })))
}

fn token(scope: &str) -> String {
    let claims = json!({"iss": "connectivity", "aud": "connectivity", "sub": "operator", "exp": 1_800_000_900,
                        "iat": 1_800_000_000, "jti": "t", "token_type": "access", "scope": scope});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token")
}

struct Fakes;

impl Ports for Fakes {
    type Registry = FakeRegistry;
    type Store = FakeStore;
    type Affiliated = FakeAffiliatedCache;
    type Audit = FakeAuditLog;
}

impl Given {
    fn services(&self) -> Services<Fakes> {
        let tokens = TokenSettings {
            keys: OwnKeys::Secret(SECRET.into()),
            issuer: "connectivity".into(),
            audience: "connectivity".into(),
            other: None,
            shared: None,
        };
        Services {
            registry: {
                let registry = self.registry.clone();
                Arc::new(move |_, _| registry.clone())
            },
            store: self.store.clone(),
            affiliated: self.affiliated.clone(),
            audit: self.audit.clone(),
            old_records: Vec::new(),
            guard: Arc::new(Guard::tokens_only(Verifier::new(&tokens))),
            affiliated_without_body: self.affiliated_without_body,
            now: || NOW,
            new_id: || format!("id-{}", IDS.fetch_add(1, Ordering::Relaxed)),
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        respond(request, None, |request| route(router(self.services()), request)).await
    }

    async fn post(&self, body: &str) -> Response<Bytes> {
        self.send(check_request(body)).await
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        self.call(Method::GET, path, "affiliation", "").await
    }

    async fn call(&self, method: Method, path: &str, scope: &str, body: &'static str) -> Response<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", token(scope)))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-request-id", "r-2");
        self.send(request.body(Bytes::from_static(body.as_bytes())).expect("a request")).await
    }
}

fn check_request(body: &str) -> Request<Bytes> {
    Request::post("/api/v1/affiliation/check/")
        .header(header::AUTHORIZATION, format!("Bearer {}", token("affiliation")))
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header("x-request-id", "r-1")
        .body(Bytes::from(body.to_owned()))
        .expect("a request")
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or(Value::Null)
}

fn expect_problem(response: &Response<Bytes>, status: u16, slug: &str) {
    assert_eq!(response.status().as_u16(), status, "{response:?}");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let problem = body(response);
    assert_eq!(problem["type"], format!("urn:connectivity:problem:{slug}"));
    assert_eq!(problem["status"], status);
    assert_eq!(Some(problem["request_id"].as_str().expect("an id")), response.headers()["x-request-id"].to_str().ok());
}

#[tokio::test]
async fn an_eligible_citizen_is_reported_and_recorded() {
    let given = eligible();
    let response = given.post(r#"{"citizen_id": " 1128456232 "}"#).await;
    assert_eq!(response.status(), StatusCode::OK);
    let expected =
        json!({"citizen_id": "1128456232", "is_eligible": true, "external_api_status_code": 204, "citizen_data": null});
    assert_eq!(body(&response), expected);
    assert_eq!(response.headers()["x-request-id"], "r-1");
    assert_eq!(given.store.records().len(), 1);
}

#[tokio::test]
async fn spellings_of_an_id_are_one_citizen() {
    let given = eligible();
    for id in ["\"001128456232\"", "\" 1128456232 \"", "1128456232", "1128456232.0", "1.128456232e9"] {
        let response = given.post(&format!("{{\"citizen_id\": {id}}}")).await;
        assert_eq!((response.status(), &body(&response)["citizen_id"]), (StatusCode::OK, &json!("1128456232")), "{id}");
    }
    let page = body(&given.get("/api/v1/affiliation/history/?citizen_id=001128456232").await);
    assert_eq!((&page["count"], &page["results"][0]["citizen_id"]), (&json!(5), &json!("1128456232")));
}

#[tokio::test]
async fn an_affiliated_citizen_is_reported_with_or_without_a_body() {
    let mut given = affiliated();
    let response = given.post(r#"{"citizen_id": "1128456232"}"#).await;
    let expected = json!({"citizen_id": "1128456232", "is_eligible": false, "external_api_status_code": 200, "citizen_data": "en el operador"});
    assert_eq!((response.status(), body(&response)), (StatusCode::OK, expected));
    given.affiliated_without_body = true;
    let response = given.post(r#"{"citizen_id": "1128456232"}"#).await;
    assert_eq!((response.status(), response.body().len()), (StatusCode::NO_CONTENT, 0));
    assert!(!response.headers().contains_key(header::CONTENT_LENGTH));
}

#[tokio::test]
async fn a_check_without_a_verdict_is_a_503_and_recorded() {
    let none =
        NoVerdict { cause: Cause::Timeout, status: None, retry_after: Duration::from_millis(2_500), attempts: 3 };
    let evidence = || Evidence { status: 302, body: None };
    for (error, slug, wait) in [
        (RegistryError::Unavailable(none), "registry-unavailable", "3"),
        (RegistryError::Refused(evidence()), "registry-refused", "60"),
        (RegistryError::UnexpectedResponse(evidence()), "registry-unexpected-response", "60"),
    ] {
        let given = given(Err(error));
        let response = given.post(r#"{"citizen_id": "1128456232"}"#).await;
        expect_problem(&response, 503, slug);
        assert_eq!(response.headers()[header::RETRY_AFTER], wait);
        assert_eq!(given.store.records().len(), 1);
    }
}

#[tokio::test]
async fn a_check_that_cannot_be_recorded_is_not_answered() {
    let given = Given { store: FakeStore::down(), ..eligible() };
    let response = given.post(r#"{"citizen_id": "1128456232"}"#).await;
    expect_problem(&response, 503, "storage-unavailable");
    assert!(!String::from_utf8_lossy(response.body()).contains("eligible"));
    expect_problem(&given.get("/api/v1/affiliation/history/?citizen_id=1128456232").await, 503, "storage-unavailable");
}

#[tokio::test]
async fn invalid_bodies_are_rejected_before_the_registry_is_asked() {
    let given = eligible();
    for (body, slug) in [
        ("", "invalid-request"),
        ("{", "invalid-request"),
        ("[]", "invalid-request"),
        (r#"["1128456232"]"#, "invalid-request"),
        ("{}", "invalid-request"),
        (r#"{"citizen_id": 1128456232.5}"#, "invalid-citizen-id"),
        (r#"{"citizen_id": "000124"}"#, "invalid-citizen-id"),
        (r#"{"citizen_id": null}"#, "invalid-citizen-id"),
        (r#"{"citizen_id": ["1128456232"]}"#, "invalid-citizen-id"),
        (r#"{"citizen_id": {"citizen_id": "1128456232"}}"#, "invalid-citizen-id"),
        (r#"{"citizen_id": "12345"}"#, "invalid-citizen-id"),
        (r#"{"citizen_id": "1128456232", "citizen_id": "123456"}"#, "invalid-request"),
    ] {
        expect_problem(&given.post(body).await, 400, slug);
    }
    let mut form = check_request("citizen_id=1128456232");
    form.headers_mut().insert(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().expect("a value"));
    expect_problem(&given.send(form).await, 415, "unsupported-media-type");
    assert_eq!(given.registry.calls(), 0);
}

#[tokio::test]
async fn callers_without_a_valid_token_are_rejected() {
    let given = eligible();
    let mut without = check_request("{}");
    without.headers_mut().remove(header::AUTHORIZATION);
    let response = given.send(without).await;
    expect_problem(&response, 401, "unauthenticated");
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    for bad in ["", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", &token("affiliation")] {
        let mut request = check_request("{}");
        request.headers_mut().insert(header::AUTHORIZATION, bad.parse().expect("a value"));
        let response = given.send(request).await;
        expect_problem(&response, 401, "invalid-token");
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().expect("text");
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
    }
    let mut twice = check_request("{}");
    let again = twice.headers()[header::AUTHORIZATION].clone();
    twice.headers_mut().append(header::AUTHORIZATION, again);
    expect_problem(&given.send(twice).await, 401, "invalid-token");
    let mut other = check_request("{}");
    other
        .headers_mut()
        .insert(header::AUTHORIZATION, format!("Bearer {}", token("documents")).parse().expect("a value"));
    expect_problem(&given.send(other).await, 403, "forbidden");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_rejected() {
    let given = eligible();
    expect_problem(&given.get("/api/v1/affiliation/nothing/").await, 404, "not-found");
    let response = given.get("/api/v1/affiliation/check/").await;
    expect_problem(&response, 405, "method-not-allowed");
    assert_eq!(response.headers()[header::ALLOW], "POST");
    let mut request = check_request(r#"{"citizen_id": "1128456232"}"#);
    *request.uri_mut() = "/api/v1/affiliation/check".parse().expect("a path");
    assert_eq!(given.send(request).await.status(), StatusCode::OK);
    let mut delete = check_request("");
    *delete.method_mut() = Method::DELETE;
    expect_problem(&given.send(delete).await, 405, "method-not-allowed");
}

#[tokio::test]
async fn the_history_is_paged_newest_first() {
    let given = affiliated();
    for _ in 0..3 {
        given.post(r#"{"citizen_id": "1128456232"}"#).await;
    }
    let response = given.get("/api/v1/affiliation/history/?citizen_id=1128456232&page=2&page_size=1").await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = body(&response);
    assert_eq!(page["count"], 3);
    assert_eq!(page["next"], "/api/v1/affiliation/history/?citizen_id=1128456232&page=3&page_size=1");
    assert_eq!(page["previous"], "/api/v1/affiliation/history/?citizen_id=1128456232&page=1&page_size=1");
    let second = given.store.records()[1].id().to_owned();
    let expected = json!([{"id": second, "citizen_id": "1128456232", "status": "ALREADY_AFFILIATED", "exists_in_system": true,
        "is_eligible": false, "message": "an operator has affiliated this citizen", "checked_at": "2027-01-15T08:00:00.000000Z",
        "requested_by": "operator"}]);
    assert_eq!(page["results"], expected);
    for bad in [
        "",
        "?citizen_id=12345",
        "?citizen_id=1128456232&page=0",
        "?citizen_id=1128456232&page_size=x",
        "?citizen_id=1128456232&citizen_id=123456",
    ] {
        assert_eq!(
            given.get(&format!("/api/v1/affiliation/history/{bad}")).await.status(),
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
}

const CITIZEN: &str = "/api/v1/affiliation/citizens/1128456232/";

/// The actions in the audit log, each with its citizen.
fn noted(given: &Given) -> Vec<(Action, Option<String>)> {
    given.audit.entries().into_iter().map(|entry| (entry.action, entry.citizen)).collect()
}

#[tokio::test]
async fn records_and_reads_name_the_subject_and_the_request() {
    let given = affiliated();
    given.post(r#"{"citizen_id": "1128456232"}"#).await;
    let record = &given.store.records()[0];
    assert_eq!((record.requested_by(), record.request_id()), ("operator", "r-1"));
    given.get("/api/v1/affiliation/history/?citizen_id=1128456232").await;
    let expected = Entry {
        id: given.audit.entries()[0].id.clone(),
        at: NOW,
        action: Action::HistoryRead,
        subject: "operator".into(),
        address: None,
        request_id: "r-2".into(),
        citizen: Some("1128456232".into()),
        target: None,
        outcome: 200,
    };
    assert_eq!(given.audit.entries(), [expected]);
}

#[tokio::test]
async fn nothing_is_shown_without_an_entry_in_the_audit_log() {
    let given = Given { audit: FakeAuditLog::down(), ..affiliated() };
    given.post(r#"{"citizen_id": "1128456232"}"#).await;
    for (path, scope) in [("/api/v1/affiliation/history/?citizen_id=1128456232", "affiliation"), (CITIZEN, "admin")] {
        let response = given.call(Method::GET, path, scope, "").await;
        expect_problem(&response, 503, "storage-unavailable");
        assert!(!String::from_utf8_lossy(response.body()).contains("AFFILIATED"));
    }
    expect_problem(&given.call(Method::DELETE, CITIZEN, "admin", "").await, 503, "storage-unavailable");
    assert_eq!(given.store.records().len(), 1);
}

#[tokio::test]
async fn an_operator_sees_what_is_held_about_a_citizen_and_who_read_it() {
    let given = affiliated();
    given.post(r#"{"citizen_id": "1128456232"}"#).await;
    given.post(r#"{"citizen_id": "1128456233"}"#).await;
    given.get("/api/v1/affiliation/history/?citizen_id=1128456232").await;
    let held = body(&given.call(Method::GET, CITIZEN, "admin", "").await);
    assert_eq!((&held["citizen_id"], &held["records"]["count"]), (&json!("1128456232"), &json!(1)));
    let id = given.store.records()[0].id().to_owned();
    let record = json!({"id": id, "status": "ALREADY_AFFILIATED", "message": "an operator has affiliated this citizen",
        "checked_at": "2027-01-15T08:00:00.000000Z", "requested_by": "operator", "request_id": "r-1",
        "external_api_status_code": 200, "citizen_data": "en el operador"});
    assert_eq!(held["records"]["results"], json!([record]));
    let access = json!({"at": "2027-01-15T08:00:00.000000Z", "action": "HISTORY_READ", "subject": "operator",
        "address": null, "request_id": "r-2", "target": null});
    assert_eq!(held["accesses"], json!({"count": 1, "results": [access]}));
    for (path, slug) in [
        ("/api/v1/affiliation/citizens/12345", "invalid-citizen-id"),
        ("/api/v1/affiliation/citizens/1128456232?page=0", "invalid-request"),
    ] {
        expect_problem(&given.call(Method::GET, path, "admin", "").await, 400, slug);
    }
}

#[tokio::test]
async fn an_erasure_leaves_an_entry_that_does_not_name_the_citizen() {
    let given = affiliated();
    for citizen in ["1128456232", "1128456233"] {
        given.post(&json!({"citizen_id": citizen}).to_string()).await;
    }
    let response = given.call(Method::DELETE, CITIZEN, "admin", "").await;
    let erased = body(&response);
    assert_eq!((response.status(), &erased["erased"]), (StatusCode::OK, &json!(1)));
    assert_eq!(erased["audit_id"], given.audit.entries()[0].id);
    assert!(erased["receipt"].is_string() && erased["receipt"] != erased["audit_id"], "{erased}");
    assert_eq!(given.store.records().len(), 1);
    let [(Action::CitizenErased, Some(digest))] = &noted(&given)[..] else { panic!("{:?}", given.audit.entries()) };
    assert!(!digest.contains("1128456232"));
    given.post(r#"{"citizen_id": "1128456232"}"#).await;
    assert_eq!(given.registry.calls(), 3, "the cached answer was erased too");
}

#[tokio::test]
async fn only_administrators_see_and_erase_and_only_the_bridge_deletes_old_records() {
    let given = affiliated();
    for (method, path, scope) in [
        (Method::GET, CITIZEN, "affiliation documents bridge"),
        (Method::DELETE, CITIZEN, "affiliation documents bridge"),
        (Method::POST, "/internal/v1/affiliation/retention", "admin affiliation documents"),
    ] {
        expect_problem(&given.call(method, path, scope, "{}").await, 403, "forbidden");
    }
    let response = given.call(Method::POST, "/internal/v1/affiliation/retention", "bridge", "{}").await;
    assert_eq!((response.status(), body(&response)), (StatusCode::OK, json!({"processed": 0, "after": ""})));
}

mod checks;
