//! Serving a request of the host: respond, and send the response in one write. The route reads the
//! body.

use crate::config_state;
use crate::cors::Cors;
use crate::instance::Component;
use crate::metrics_sender::send_soon;
use crate::problem::Problem;
use crate::response::respond_within;
use crate::router::call;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use connectivity_domain::problem::ProblemKind;
use connectivity_runtime::request_context::RequestContext;
use connectivity_runtime::{new_id, request_scope};
use http::Request;
use http_body_util::Full;
use spin_sdk::wasip3::http::types;
use std::future::Future;
use std::time::Instant;

/// Serves one request with the routes of a component. It is `None` while the settings are invalid.
pub async fn serve_component(
    request: spin_sdk::http::Request,
    component: Option<&'static Component>,
) -> Result<types::Response, types::ErrorCode> {
    if request.uri().path() == config_state::PATH {
        return send(config_state::respond(component)).await;
    }
    let Some(component) = component else {
        let problem =
            || Problem::new(ProblemKind::NotReady, "the settings of this component are invalid: its log names them");
        return serve(request, None, |_| async move { problem().into_response() }).await;
    };
    let respond = |request| call(component.router.clone(), request);
    let response = serve(request, component.cors.as_ref(), respond).await;
    send_soon(&component.cache);
    response
}

/// Serves one request: lets `handle` respond, and sends the response.
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
    let request = request.map(Body::new);
    let context = RequestContext::from_headers(request.headers(), new_id);
    let work = respond_within(request, cors, handle, &context, started);
    send(request_scope::enter(&context, work).await).await
}

/// Hands a response to the host so that head and body leave in one write.
///
/// The SDK writes the body from a task of its own. Yielding once lets that task run before the head
/// is returned, and the host then sends both together. Otherwise Nagle's algorithm and the client's
/// delayed acknowledgement add 40 ms.
#[cfg_attr(not(target_family = "wasm"), expect(clippy::unused_async, reason = "it yields in wasm only"))]
async fn send(response: http::Response<Bytes>) -> Result<types::Response, types::ErrorCode> {
    let response = spin_sdk::http::IntoResponse::into_response(response.map(Full::new))?;
    #[cfg(target_family = "wasm")]
    spin_sdk::wit_bindgen::yield_async().await;
    Ok(response)
}
