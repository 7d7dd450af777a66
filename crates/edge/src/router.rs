//! Routing: paths with and without a trailing slash, and the answers where there is no route.

use crate::problem::Problem;
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use connectivity_domain::problem::ProblemKind;
use http::{Method, Request};
use tower_service::Service;

/// Completes the routes of a component with the answers where there is no route.
///
/// A component does this once per instance, because it takes longer than a request.
pub fn complete(routes: Router) -> Router {
    routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed).layer(from_fn(note_route))
}

/// Completes the routes of a component and calls them with one request, for tests and for
/// components without a router per instance.
pub async fn route(routes: Router, request: Request<Body>) -> Response {
    call(complete(routes), request).await
}

/// Calls a completed router. Routes are written without a trailing slash; paths may have one.
///
/// A response to HEAD is that to GET. The host sends it without the body and with its length, as RFC
/// 9110 (sections 8.6 and 9.3.2) asks for; a router that removes the body removes the length too.
pub async fn call(mut router: Router, mut request: Request<Body>) -> Response {
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') {
        let trimmed = path.trim_end_matches('/');
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = format!("{trimmed}{query}").parse() {
            *request.uri_mut() = uri;
        }
    }
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "no resource has this path")
}

/// axum adds the header `Allow`.
async fn method_not_allowed() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "the resource does not support this method: see the Allow header")
}

/// Adds to a response the route that produced it, for the log line and the metrics.
async fn note_route(request: Request<Body>, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
