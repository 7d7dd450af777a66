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
use connectivity_runtime::message_body::chunks;
use connectivity_runtime::request_context::RequestContext;
use connectivity_runtime::{IdleTask, begin, instant, new_id, request_scope, with_few_readings};
use http::{Request, StatusCode};
use http_body::Body as _;
use spin_sdk::wasip3::http::types;
use spin_sdk::wasip3::{wit_future, wit_stream};
use std::future::Future;

/// Serves one request with the routes of a component. It is `None` while the settings are invalid.
pub async fn serve_component(
    request: spin_sdk::http::Request,
    component: Option<&'static Component>,
) -> Result<types::Response, types::ErrorCode> {
    if request.uri().path() == config_state::PATH {
        return send(config_state::respond(component), IdleTask::start()).await;
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
    let idle = IdleTask::start();
    let response = with_few_readings(async {
        let started = instant();
        let request = with_body(request);
        let context = RequestContext::from_headers(request.headers(), new_id);
        request_scope::enter(&context, respond_within(request, cors, handle, &context, started)).await
    });
    send(response.await, idle).await
}

/// Lets the request's body be read with few calls of the host. A route that reads none makes no call.
fn with_body(request: spin_sdk::http::Request) -> Request<Body> {
    let (parts, mut body) = request.into_parts();
    let length = body.size_hint().upper();
    let chunks = body.take_unstarted().filter(|_| length != Some(0)).map(|message| chunks(message, length));
    Request::from_parts(parts, chunks.map_or_else(Body::empty, Body::from_stream))
}

/// Hands a response to the host so that head and body leave in one write.
///
/// The write of the body begins before the host gets the head, so that the host finds both.
/// Otherwise Nagle's algorithm and the client's delayed acknowledgement add 40 ms.
async fn send(response: http::Response<Bytes>, idle: IdleTask) -> Result<types::Response, types::ErrorCode> {
    let (parts, body) = response.into_parts();
    let fields = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let fields = types::Fields::from_list(&fields.collect::<Vec<_>>());
    let fields = fields.map_err(|error| types::ErrorCode::InternalError(Some(error.to_string())))?;
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    let (contents, contents_reader) = (!body.is_empty()).then(wit_stream::new).unzip();
    let (response, _) = types::Response::new(fields, contents_reader, trailers_reader);
    // A new response has the status 200. Another one came out of an `http::Response`, so the host
    // accepts it.
    if parts.status != StatusCode::OK {
        let _ = response.set_status_code(parts.status.as_u16());
    }
    begin(async move {
        if let Some(mut contents) = contents {
            // A caller that has gone reads nothing. The host knows.
            contents.write_all(body.into()).await;
        }
        let _ = trailers.write(Ok(None)).await;
        drop(idle);
    })
    .await;
    Ok(response)
}
