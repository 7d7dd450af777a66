//! The routes of a job with fakes in place of the registry and the store, for tests.
#![expect(clippy::missing_panics_doc, reason = "a failed step fails the test")]

use crate::job::Job;
use crate::paths::Paths;
use crate::services::{Services, router};
use crate::settings::ResultKeys;
use bytes::Bytes;
use connectivity_domain::job::fakes::{FakeJobRegistry, FakeJobStore};
use connectivity_domain::job::{Question, Verdict};
use connectivity_domain::registry::{NoVerdict, RegistryError};
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::Cause;
use connectivity_edge::guard::Guard;
use connectivity_edge::response::respond;
use connectivity_edge::router::route;
use connectivity_edge::token::{OwnKeys, TokenSettings, Verifier};
use http::{Request, Response, header};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time of every request.
pub const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// The `traceparent` of every request.
pub const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// How long a claim lasts.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long after the end of its claim a request from the queue is handed to it again.
pub const REQUEUE_AFTER: Duration = Duration::from_mins(15);

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The routes of a job. Its results have the routing keys `ready` and `failure`.
pub struct Fixture<J: Job> {
    /// The registry.
    pub registry: FakeJobRegistry<J::Question>,
    /// The records.
    pub store: FakeJobStore<J::Question>,
    /// The paths of the routes.
    pub paths: Paths,
}

/// Returns the error of a registry that gives no verdict for this cause.
pub fn unavailable(cause: Cause, retry_after: Duration) -> RegistryError {
    let attempts = if cause.was_asked() { 3 } else { 0 };
    RegistryError::Unavailable(NoVerdict { cause, status: None, retry_after, attempts })
}

impl<J, V> Fixture<J>
where
    J: Job<Question: Question<Verdict = V>>,
    V: Verdict + Clone + Sync + 'static,
{
    /// Creates the routes with an empty store, and a registry that always gives this answer.
    pub fn answering(answer: Result<V, RegistryError>) -> Self {
        let registry = FakeJobRegistry::answering(answer);
        Self { registry, store: FakeJobStore::default(), paths: Paths::new(J::NAME, J::ACTION) }
    }

    /// Sends a request with the token of `subject`, which has this scope.
    pub async fn send_as(
        &self,
        (subject, scope): (&str, &str),
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: String,
    ) -> Response<Bytes> {
        let registry = self.registry.clone();
        let services = Services {
            registry: Arc::new(move |_, _| registry.clone()),
            store: self.store.clone(),
            old_records: Vec::new(),
            guard: Arc::new(Guard::tokens_only(Verifier::new(&tokens()))),
            keys: ResultKeys { ready: "ready".into(), failure: "failure".into() },
            lease: LEASE,
            requeue_after: REQUEUE_AFTER,
            now: || NOW,
            new_id,
        };
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token(subject, scope)));
        request = request.header(header::CONTENT_TYPE, "application/json").header("traceparent", TRACE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body)).expect("a request");
        respond(request, None, |request| route(router::<J, _, _>(services), request)).await
    }

    /// Submits a request.
    pub async fn submit(&self, headers: &[(&str, &str)], body: impl ToString) -> Response<Bytes> {
        self.submit_as("operator", headers, body).await
    }

    /// Submits a request of another subject.
    pub async fn submit_as(&self, subject: &str, headers: &[(&str, &str)], body: impl ToString) -> Response<Bytes> {
        self.send_as((subject, J::NAME), ("POST", &self.paths.submit), headers, body.to_string()).await
    }

    /// Sends a GET request of a caller.
    pub async fn get(&self, path: &str) -> Response<Bytes> {
        self.send_as(("operator", J::NAME), ("GET", path), &[], String::new()).await
    }

    /// Delivers a message.
    pub async fn deliver(&self, headers: &[(&str, &str)], message: impl ToString) -> Response<Bytes> {
        self.send_as(("bridge", "bridge"), ("POST", &self.paths.deliveries), headers, message.to_string()).await
    }

    /// Delivers several messages in one request: their headers and bodies.
    pub async fn deliver_batch(&self, deliveries: &[(Value, String)]) -> Response<Bytes> {
        let deliveries = deliveries.iter().map(|(headers, body)| json!({"headers": headers, "body": body}));
        let body = json!({"deliveries": deliveries.collect::<Vec<_>>()}).to_string();
        self.send_as(("bridge", "bridge"), ("POST", &self.paths.batch), &[], body).await
    }

    /// Leases events.
    pub async fn lease(&self, body: &Value) -> Value {
        let answer = self.send_as(("bridge", "bridge"), ("POST", &self.paths.outbox), &[], body.to_string()).await;
        json(&answer)
    }

    /// Reports events as published.
    pub async fn published(&self, body: &Value) -> Response<Bytes> {
        self.send_as(("bridge", "bridge"), ("POST", &self.paths.published), &[], body.to_string()).await
    }
}

fn tokens() -> TokenSettings {
    TokenSettings {
        keys: OwnKeys::Secret(SECRET.into()),
        issuer: "connectivity".into(),
        audience: "connectivity".into(),
        other: None,
        shared: None,
    }
}

fn token(subject: &str, scope: &str) -> String {
    let claims = json!({"iss": "connectivity", "aud": "connectivity", "sub": subject, "exp": 1_800_000_900,
                        "iat": 1_800_000_000, "jti": "t", "token_type": "access", "scope": scope});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token")
}

/// Returns a new id at each call.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the body of a response, or null if it is not JSON.
pub fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or(Value::Null)
}

/// Asserts that a response is a problem with this status and this slug.
#[track_caller]
pub fn expect_problem(response: &Response<Bytes>, status: u16, slug: &str) {
    assert_eq!(response.status().as_u16(), status, "{response:?}");
    assert_eq!(json(response)["type"], format!("urn:connectivity:problem:{slug}"));
}
