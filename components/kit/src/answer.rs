//! From a router's answer to the wire, in one write.

use crate::configured;
use crate::cors::Cors;
use crate::instance::Component;
use crate::log::{self, Level};
use crate::metrics;
use crate::problem::{Pending, Problem};
use crate::request::{BodyError, PATIENCE, RequestContext, receive};
use crate::runtime;
use crate::runtime::request_scope;
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use connectivity_domain::problem::ProblemKind;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use spin_sdk::wasip3::http::types;
use std::future::Future;
use std::time::{Duration, Instant};

/// Who called, for the log line; a handler puts it into its answer's extensions.
#[derive(Clone, Debug)]
pub struct Subject(pub String);

/// What browsers are told of every answer, unless a route has said something else: show it, run it, frame it nowhere.
///
/// `Strict-Transport-Security` is not here: TLS ends at the ingress, which alone knows whether all of a host is behind it.
const FOR_BROWSERS: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // Of requests that do not go by CORS: those that do are allowed or not by `cors`.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Answers one request of the host: reads it, has `handle` answer it, and writes the answer.
pub async fn serve<F, Fut>(
    request: spin_sdk::http::Request,
    cors: Option<&Cors>,
    handle: F,
) -> Result<types::Response, types::ErrorCode>
where
    F: FnOnce(Request<Body>) -> Fut,
    Fut: Future<Output = Response>,
{
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let context = RequestContext::from_headers(&parts.headers, runtime::new_id);
    let work = async {
        match receive(&parts.headers, body, PATIENCE).await {
            Ok(bytes) => answer(Request::from_parts(parts, bytes), cors, handle, &context, started).await,
            Err(error) => {
                let refused = async |_| refuse(&error).into_response();
                answer(Request::from_parts(parts, Bytes::new()), cors, refused, &context, started).await
            }
        }
    };
    write(request_scope::enter(&context, work).await).await
}

/// Responds to one request with the routes of an instance. It is `None` if the settings are invalid.
pub async fn serve_instance(
    request: spin_sdk::http::Request,
    instance: Option<&'static Component>,
) -> Result<types::Response, types::ErrorCode> {
    if request.uri().path() == configured::PATH {
        return write(configured::answer(instance.is_some())).await;
    }
    let Some(instance) = instance else {
        let problem =
            || Problem::new(ProblemKind::NotReady, "the settings of this component are invalid: its log names them");
        return serve(request, None, |_| async move { problem().into_response() }).await;
    };
    let respond = |request| call(instance.router.clone(), request);
    let answer = serve(request, instance.cors.as_ref(), respond).await;
    metrics::send_soon(&instance.cache);
    answer
}

fn refuse(error: &BodyError) -> Problem {
    let kind = match error {
        BodyError::TooLarge => ProblemKind::PayloadTooLarge,
        BodyError::Incomplete | BodyError::Slow => ProblemKind::InvalidRequest,
    };
    Problem::new(kind, error.to_string())
}

/// One request and its answer, without a host: what [`serve`] does between reading and writing.
pub async fn exchange<F, Fut>(request: Request<Bytes>, cors: Option<&Cors>, handle: F) -> http::Response<Bytes>
where
    F: FnOnce(Request<Body>) -> Fut,
    Fut: Future<Output = Response>,
{
    let started = Instant::now();
    let context = RequestContext::from_headers(request.headers(), runtime::new_id);
    request_scope::enter(&context, answer(request, cors, handle, &context, started)).await
}

async fn answer<F, Fut>(
    request: Request<Bytes>,
    cors: Option<&Cors>,
    handle: F,
    context: &RequestContext,
    started: Instant,
) -> http::Response<Bytes>
where
    F: FnOnce(Request<Body>) -> Fut,
    Fut: Future<Output = Response>,
{
    let method = request.method().clone();
    let asked = cors.map(|cors| (cors, request.headers().clone()));
    let allowed = cors.and_then(|cors| cors.preflight(&method, request.headers()));
    let answer = if let Some(allowed) = allowed {
        allowed
    } else {
        let mut request = request.map(|bytes| Body::new(Full::new(bytes)));
        request.extensions_mut().insert(context.clone());
        handle(request).await
    };
    let mut response = finish(answer, context).await;
    if let Some((cors, asked)) = asked {
        cors.mark(&asked, response.headers_mut());
    }
    let route = response.extensions_mut().remove::<MatchedPath>();
    let told = Told { method: named(&method), route: route.as_ref().map_or("unmatched", MatchedPath::as_str) };
    let took = started.elapsed();
    metrics::time(&metrics::REQUESTS, &[told.route, told.method, response.status().as_str()], took);
    log_request(&told, &response, took);
    response.map(|(_, bytes)| bytes)
}

/// Completes the answer: the problem's body, the request id, what an API says to browsers and caches.
async fn finish(response: Response, context: &RequestContext) -> http::Response<(Option<Subject>, Bytes)> {
    let (mut parts, body) = response.into_parts();
    let mut bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if let Some(problem) = parts.extensions.remove::<Pending>() {
        bytes = problem.body(&context.request_id).into();
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    }
    // RFC 9110 section 8.6: a 204 has no content-length, though the router gave it one.
    if parts.status == StatusCode::NO_CONTENT {
        parts.headers.remove(header::CONTENT_LENGTH);
    } else {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    for (name, value) in FOR_BROWSERS {
        parts.headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        parts.headers.insert("x-request-id", id);
    }
    let subject = parts.extensions.remove::<Subject>();
    http::Response::from_parts(parts, (subject, bytes))
}

/// What is told of a request, in the log and in metrics: words of closed sets. A path could hold anything.
struct Told<'a> {
    method: &'static str,
    /// As the source writes it.
    route: &'a str,
}

/// A method's name. A caller's own inventions have one in common.
fn named(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("OTHER")
}

fn log_request(told: &Told<'_>, response: &http::Response<(Option<Subject>, Bytes)>, took: Duration) {
    let status = response.status().as_u16();
    let level = if status >= 500 { Level::Warn } else { Level::Info };
    let subject = response.body().0.as_ref().map(|Subject(subject)| subject.as_str());
    let fields = [
        ("method", told.method.into()),
        ("route", told.route.into()),
        ("status", status.into()),
        ("duration_ms", (took.as_secs_f64() * 1000.0).into()),
        ("subject", subject.into()),
    ];
    log::line(level, "request", &fields);
}

/// Hands the answer to the host so that head and body leave in one write.
///
/// The SDK writes the body from a task of its own. Yielding once lets that task run before the head is returned, and
/// the host then sends both together; otherwise Nagle's algorithm and the client's delayed acknowledgement add 40 ms.
#[cfg_attr(not(target_family = "wasm"), expect(clippy::unused_async, reason = "a test has nothing to yield to"))]
async fn write(answer: http::Response<Bytes>) -> Result<types::Response, types::ErrorCode> {
    let response = spin_sdk::http::IntoResponse::into_response(answer.map(Full::new))?;
    #[cfg(target_family = "wasm")]
    spin_sdk::wit_bindgen::yield_async().await;
    Ok(response)
}

/// The answer for a path that nothing serves.
pub async fn not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "nothing is served at this path")
}

/// The answer for a method that this path does not serve; axum adds `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "this path does not serve this method: see the Allow header")
}

/// Notes on the answer which route gave it.
async fn note_route(request: Request<Body>, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// A component's routes, and what is answered where there are none. To make it takes longer than to find a route.
pub fn complete(router: Router) -> Router {
    let router = router.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    router.layer(from_fn(note_route))
}

/// Runs a component's routes on one request.
pub async fn route(router: Router, request: Request<Body>) -> Response {
    call(complete(router), request).await
}

/// Calls a complete router. Paths count with and without their trailing slash: routes are written without.
async fn call(mut router: Router, mut request: Request<Body>) -> Response {
    use tower_service::Service;
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') {
        let trimmed = path.trim_end_matches('/');
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = format!("{trimmed}{query}").parse() {
            *request.uri_mut() = uri;
        }
    }
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
