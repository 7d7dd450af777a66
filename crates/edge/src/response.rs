//! From a parsed request to a finished response: request id, CORS, headers, metrics and log line.

use crate::cors::Cors;
use crate::problem::PendingProblem;
use crate::subject::{RecordCount, RecordId, Subject};
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::request_context::RequestContext;
use connectivity_runtime::{metrics, new_id, request_scope};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use std::future::Future;
use std::time::{Duration, Instant};

/// The security headers of every response, unless a route has set another value: browsers must not
/// cache, run or frame it.
///
/// `Strict-Transport-Security` is missing because TLS ends at the ingress, and only the ingress
/// knows whether a whole host is behind it.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // For requests without CORS. Those with CORS are allowed or refused by `cors`.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Responds to one request without a host, for tests: what [`crate::serve::serve`] does before it
/// sends the response.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::response::IntoResponse;
/// use bytes::Bytes;
/// use connectivity_domain::problem::ProblemKind;
/// use connectivity_edge::problem::Problem;
/// use connectivity_edge::response::respond;
/// use http::Request;
///
/// let request = Request::get("/").header("x-request-id", "r-1").body(Bytes::new()).unwrap();
/// let handle = |_| async { Problem::new(ProblemKind::NotFound, "no such record").into_response() };
/// let response = respond(request, None, handle).await;
/// assert_eq!(response.status(), 404);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// assert_eq!(response.headers()["x-request-id"], "r-1");
/// # }
/// ```
pub async fn respond<F, Fut>(request: Request<Bytes>, cors: Option<&Cors>, handle: F) -> http::Response<Bytes>
where
    F: FnOnce(Request<Body>) -> Fut,
    Fut: Future<Output = Response>,
{
    let started = Instant::now();
    let context = RequestContext::from_headers(request.headers(), new_id);
    let request = request.map(|bytes| Body::new(Full::new(bytes)));
    request_scope::enter(&context, respond_within(request, cors, handle, &context, started)).await
}

/// Responds to one request inside its request scope. `started` is when the request arrived.
pub(crate) async fn respond_within<F, Fut>(
    mut request: Request<Body>,
    cors: Option<&Cors>,
    handle: F,
    context: &RequestContext,
    started: Instant,
) -> http::Response<Bytes>
where
    F: FnOnce(Request<Body>) -> Fut,
    Fut: Future<Output = Response>,
{
    let method = method_label(request.method());
    let cors = cors.map(|cors| (cors, request.headers().clone()));
    let preflight = cors.as_ref().and_then(|(cors, headers)| cors.preflight(request.method(), headers));
    let response = if let Some(preflight) = preflight {
        preflight
    } else {
        request.extensions_mut().insert(context.clone());
        handle(request).await
    };
    let mut response = finish(response, context).await;
    if let Some((cors, request_headers)) = cors {
        cors.mark(&request_headers, response.headers_mut());
    }
    let route = response.extensions_mut().remove::<MatchedPath>();
    // Labels and log fields come from closed sets: a path could hold anything.
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let took = started.elapsed();
    metrics::time(&metrics::REQUESTS, &[route, method, response.status().as_str()], took);
    log_request(method, route, &response, took);
    response
}

/// Completes a response: the body of a problem, `Content-Length`, the request id, security headers.
async fn finish(response: Response, context: &RequestContext) -> http::Response<Bytes> {
    let (mut parts, body) = response.into_parts();
    let mut bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if let Some(problem) = parts.extensions.remove::<PendingProblem>() {
        bytes = problem.body(&context.request_id).into();
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    }
    // A 204 has no `Content-Length`, and a 304 none but that of the 200 (RFC 9110 section 8.6), though
    // the router gave them one.
    if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status) {
        parts.headers.remove(header::CONTENT_LENGTH);
    } else {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    for (name, value) in SECURITY_HEADERS {
        parts.headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        parts.headers.insert("x-request-id", id);
    }
    http::Response::from_parts(parts, bytes)
}

/// Returns the name of a method. All methods that HTTP does not define share one.
fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("OTHER")
}

fn log_request(method: &str, route: &str, response: &http::Response<Bytes>, took: Duration) {
    let status = response.status().as_u16();
    let level = if status >= 500 { Level::Warn } else { Level::Info };
    let subject = response.extensions().get::<Subject>().map(|Subject(subject)| subject.as_str());
    let record = response.extensions().get::<RecordId>().map(|RecordId(id)| id.as_str());
    let records = response.extensions().get::<RecordCount>().map(|RecordCount(count)| *count);
    let fields = [
        ("method", method.into()),
        ("route", route.into()),
        ("status", status.into()),
        ("duration_ms", (took.as_secs_f64() * 1000.0).into()),
        ("subject", subject.into()),
        ("record", record.into()),
        ("records", records.into()),
    ];
    log::line(level, "request", &fields);
}
