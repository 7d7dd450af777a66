//! A job that no component knows: its deliveries and its outbox, in front of the components.

use crate::client::Client;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

/// The routing key of requests.
pub const REQUESTED: &str = "dummy.requested";
/// The routing keys of results.
pub const RESULT_KEYS: [&str; 2] = ["dummy.ready", "dummy.failure"];

/// The body of a request that never gets a verdict.
pub const WITHOUT_VERDICT: &[u8] = b"without verdict";
/// The body of a request that is rejected.
pub const INVALID: &[u8] = b"invalid";

/// A delivery as it arrived.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Delivered {
    /// The text of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[derive(Default)]
struct Jobs {
    components: String,
    deliveries: Vec<Delivered>,
    outbox: Vec<Value>,
    published: Vec<Value>,
}

type Shared = Arc<Mutex<Jobs>>;

/// A running server. It stops when it is dropped.
pub struct DummyJob {
    address: SocketAddr,
    queue: String,
    jobs: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for DummyJob {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DummyJob {
    /// Starts the server on a free port.
    ///
    /// # Errors
    /// No port can be opened.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, jobs) = (listener.local_addr()?, Shared::default());
        let router = Router::new()
            .route("/internal/v1/dummies/deliveries", post(deliver))
            .route("/internal/v1/dummies/outbox", post(lease))
            .route("/internal/v1/dummies/outbox/published", post(published))
            .fallback(forward)
            .with_state(Arc::clone(&jobs));
        let task = tokio::spawn(async move {
            // It ends when this is dropped.
            let _ = axum::serve(listener, router).await;
        });
        let queue = format!("dummy-{}", uuid::Uuid::new_v4().simple());
        Ok(Self { address, queue, jobs, task })
    }

    /// Forwards all other requests to the components at this URL.
    pub fn forward_to(&self, components: String) {
        lock(&self.jobs).components = components;
    }

    /// The value of `COMPONENTS_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The queue of requests.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The value of `BRIDGE_JOBS`.
    pub fn row(&self) -> String {
        let row = json!({"name": "dummies", "queue": self.queue, "routing_key": REQUESTED, "result_keys": RESULT_KEYS});
        json!([row]).to_string()
    }

    /// Puts an event into the outbox.
    pub fn add_to_outbox(&self, id: &str) {
        lock(&self.jobs).outbox.push(event(id, RESULT_KEYS[0]));
    }

    /// The deliveries so far.
    pub fn deliveries(&self) -> Vec<Delivered> {
        lock(&self.jobs).deliveries.clone()
    }

    /// The ids of the records whose results were published.
    pub fn published(&self) -> Vec<Value> {
        lock(&self.jobs).published.clone()
    }
}

fn lock(jobs: &Shared) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

fn event(id: &str, routing_key: &str) -> Value {
    json!({"id": id, "kind": "result", "routing_key": routing_key, "message_id": format!("result-of-{id}"),
           "body": {"of": id}})
}

fn problem(status: StatusCode, slug: &str, detail: &str) -> Response {
    let body = json!({"type": format!("urn:connectivity:problem:{slug}"), "detail": detail});
    (status, [("x-message-id", "dummy-id")], axum::Json(body)).into_response()
}

async fn deliver(State(jobs): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let delivered = Delivered { headers, body };
    // This job gives a request up at its second attempt, whatever its age.
    let (id, is_last) = (delivered.header("x-message-id").to_owned(), delivered.header("x-attempt") == "2");
    let content = delivered.body.clone();
    lock(&jobs).deliveries.push(delivered);
    let (outcome, key) = match (&content[..], is_last) {
        (INVALID, _) => return problem(StatusCode::BAD_REQUEST, "invalid-request", "the dummy is invalid"),
        (WITHOUT_VERDICT, false) => {
            return problem(StatusCode::SERVICE_UNAVAILABLE, "registry-unavailable", "ask again later");
        }
        (WITHOUT_VERDICT, true) => ("done-without-verdict", RESULT_KEYS[1]),
        _ => ("done", RESULT_KEYS[0]),
    };
    axum::Json(json!({"outcome": outcome, "event": event(&id, key)})).into_response()
}

async fn lease(State(jobs): State<Shared>) -> Response {
    let events = std::mem::take(&mut lock(&jobs).outbox);
    axum::Json(json!({"events": events})).into_response()
}

async fn published(State(jobs): State<Shared>, axum::Json(marks): axum::Json<Value>) -> StatusCode {
    lock(&jobs).published.extend(marks["results"].as_array().cloned().unwrap_or_default());
    StatusCode::NO_CONTENT
}

async fn forward(State(jobs): State<Shared>, request: Request) -> Response {
    let components = lock(&jobs).components.clone();
    if components.is_empty() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("{components}{path}").parse() else { return StatusCode::BAD_REQUEST.into_response() };
    parts.uri = uri;
    parts.headers.remove("host");
    let mut answer = Client::default().send(Request::from_parts(parts, body.to_bytes().into())).await;
    // The body is sent as a whole.
    answer.headers.remove("transfer-encoding");
    (answer.status, answer.headers, answer.body).into_response()
}
