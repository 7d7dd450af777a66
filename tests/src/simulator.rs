//! A simulator of the GovCarpeta API over HTTP. It is not the registry: what it says is made up.
//!
//! Without further instruction an id that ends in an even digit is nobody's (204), one that ends in an odd digit is
//! affiliated (200 with prose), and what is not 6 to 12 digits gets a 501; every document is authentic.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use http::{HeaderMap, StatusCode, header};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// How the simulator answers a question.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// By the id, as the module says.
    ById,
    /// With this status, content type and body, and `Retry-After` if given.
    Answer {
        /// The status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: Bytes,
        /// `Retry-After` in seconds.
        retry_after: Option<u64>,
    },
    /// By the id, after this long.
    Slow(Duration),
    /// Not at all.
    Hang,
    /// With this status so many times, and by the id after that.
    FailFirst {
        /// How many times.
        times: usize,
        /// The status.
        status: u16,
    },
}

impl Behaviour {
    /// A status with a body of text.
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answer { status, content_type: "text/plain", body: Bytes::from(body.to_owned()), retry_after: None }
    }

    /// A status with a page of HTML, as the registry's hoster sends while it is down.
    pub fn html(status: u16) -> Self {
        let body = Bytes::from_static(b"<!DOCTYPE html><html><body><h1>Application error</h1></body></html>");
        Self::Answer { status, content_type: "text/html", body, retry_after: None }
    }
}

/// A question as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// The citizen's id, or the document's title.
    pub id: String,
    /// The headers.
    pub headers: HeaderMap,
}

#[derive(Default)]
struct Inner {
    behaviours: Mutex<HashMap<String, Behaviour>>,
    latency: Duration,
    down: std::sync::atomic::AtomicBool,
    calls: Mutex<Vec<Call>>,
    counted: std::sync::atomic::AtomicUsize,
    keeps_calls: bool,
}

/// A running simulator; it stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator {
    /// Starts one on a free port; it keeps every call for [`Simulator::calls`].
    ///
    /// # Errors
    /// The port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), Duration::ZERO, true).await
    }

    /// Starts one that answers after a pause. `keeps_calls`: every call is kept in memory.
    ///
    /// # Errors
    /// The port cannot be opened.
    pub async fn listen(address: SocketAddr, latency: Duration, keeps_calls: bool) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner { latency, keeps_calls, ..Inner::default() });
        let router = Router::new()
            .route("/apis/validateCitizen/{id}", get(validate))
            .route("/apis/authenticateDocument", put(authenticate))
            .with_state(Arc::clone(&inner));
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Only latency is at stake.
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            // It ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, inner, task })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers questions about this citizen, or about documents with this title, so from now on.
    pub fn behave(&self, id: &str, behaviour: Behaviour) {
        lock(&self.inner.behaviours).insert(id.to_owned(), behaviour);
    }

    /// The calls about this citizen, or about documents with this title.
    pub fn calls(&self, id: &str) -> Vec<Call> {
        lock(&self.inner.calls).iter().filter(|call| call.id == id).cloned().collect()
    }

    /// From now on nobody gets an answer but 503, or everybody gets one again.
    pub fn set_down(&self, down: bool) {
        self.inner.down.store(down, std::sync::atomic::Ordering::Relaxed);
    }

    /// How many calls there were in all.
    pub fn count(&self) -> usize {
        self.inner.counted.load(std::sync::atomic::Ordering::Relaxed)
    }
}

async fn validate(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let own = by_id(&id);
    answer(&inner, id, headers, own).await
}

async fn authenticate(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let title = request["documentTitle"].as_str().unwrap_or_default().to_owned();
    let own = if !request["idCitizen"].is_u64() || !request["UrlDocument"].is_string() || title.is_empty() {
        (StatusCode::NOT_IMPLEMENTED, "\"Parametros incorrectos \"").into_response()
    } else {
        let prose = format!("\"El documento: {title} ha sido autenticado exitosamente \"");
        ([(header::CONTENT_TYPE, "application/json")], prose).into_response()
    };
    answer(&inner, title, headers, own).await
}

/// Counts the call, and answers as it was told, or with `own`.
async fn answer(inner: &Inner, id: String, headers: HeaderMap, own: Response) -> Response {
    inner.counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let behaviour = next(inner, &id);
    if inner.keeps_calls {
        lock(&inner.calls).push(Call { id, headers });
    }
    if !inner.latency.is_zero() {
        tokio::time::sleep(inner.latency).await;
    }
    if inner.down.load(std::sync::atomic::Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "<html>Application error</html>").into_response();
    }
    match behaviour {
        Behaviour::ById => own,
        Behaviour::Answer { status, content_type, body, retry_after } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, [(header::CONTENT_TYPE, content_type)], Body::from(body)).into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Behaviour::FailFirst { status, .. } => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        Behaviour::Slow(pause) => {
            tokio::time::sleep(pause).await;
            own
        }
        Behaviour::Hang => std::future::pending().await,
    }
}

/// The behaviour for this call; what counts down is counted down.
fn next(inner: &Inner, id: &str) -> Behaviour {
    let mut behaviours = lock(&inner.behaviours);
    match behaviours.get_mut(id) {
        None | Some(Behaviour::FailFirst { times: 0, .. }) => Behaviour::ById,
        Some(Behaviour::FailFirst { times, status }) => {
            *times -= 1;
            Behaviour::FailFirst { times: *times, status: *status }
        }
        Some(other) => other.clone(),
    }
}

fn by_id(id: &str) -> Response {
    let digits = (6..=12).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    let even = id.bytes().last().is_some_and(|digit| digit % 2 == 0);
    match (digits, even) {
        (false, _) => (StatusCode::NOT_IMPLEMENTED, "\"Parametros incorrectos \"").into_response(),
        (true, true) => StatusCode::NO_CONTENT.into_response(),
        (true, false) => {
            let prose =
                format!("\"El ciudadano con id: {id} se encuentra registrado en el operador: Operador Ciudadano \"");
            ([(header::CONTENT_TYPE, "application/json")], prose).into_response()
        }
    }
}
