//! A component for the tests of the local host. The path of a request selects an action, allowed or
//! not.
#![cfg(target_family = "wasm")]

// The tables of the components `affiliation` and `documents`. A component cannot be linked into
// another one, so their files are compiled here too.
#[path = "../../../components/affiliation/src/store.rs"]
#[expect(dead_code, reason = "only the store of checks is used")]
mod checks;
mod conformance;
#[path = "../../../components/documents/src/store.rs"]
mod documents;
mod guard;

use bytes::Bytes;
use connectivity_edge::guard::Networks;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use spin_sdk::http::{IntoResponse, send};
use spin_sdk::wasip3::http::types::{self, ErrorCode};
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of requests that this instance has served. The tests read it to see that instances
/// are reused.
static SERVED: AtomicU64 = AtomicU64::new(0);

type Outcome = Result<(StatusCode, String), String>;

/// Answers one request.
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> Result<types::Response, ErrorCode> {
    SERVED.fetch_add(1, Ordering::Relaxed);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let answer = match request.uri().path() {
        "/probe/served" => Ok((StatusCode::OK, SERVED.load(Ordering::Relaxed).to_string())),
        "/probe/busy" => busy(),
        "/probe/trap" => std::process::abort(),
        "/probe/never" => never().await,
        "/probe/call" => call(&query).await,
        "/probe/database" => database(&query).await,
        "/probe/conformance/database" => conformance::database().await.map(|report| (StatusCode::OK, report)),
        "/probe/conformance/checks" => conformance::checks().await.map(|report| (StatusCode::OK, report)),
        "/probe/conformance/jobs" => conformance::jobs().await.map(|report| (StatusCode::OK, report)),
        "/probe/conformance/cache" => conformance::cache().await.map(|report| (StatusCode::OK, report)),
        "/probe/client" => client(&query, request.headers()),
        "/probe/conformance/guard" => guard::guard().await.map(|report| (StatusCode::OK, report)),
        path => Ok((StatusCode::OK, path.to_owned())),
    };
    let (status, text) = answer.unwrap_or_else(|error| (StatusCode::IM_A_TEAPOT, error));
    let response = Response::builder().status(status).body(Full::new(Bytes::from(text)));
    response.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?.into_response()
}

/// Computes for ever without a pause.
fn busy() -> Outcome {
    let mut number: u64 = 1;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Waits longer than any timeout.
async fn never() -> Outcome {
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(u64::MAX / 2).await;
    Err("the wait has ended".to_owned())
}

/// Sends a GET request to `url` and returns the response.
async fn call(url: &str) -> Outcome {
    let request = Request::get(url).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let response = send(request).await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Returns the client's address, if these proxies are trusted.
fn client(trusted: &str, headers: &http::HeaderMap) -> Outcome {
    let trusted = Networks::parse(trusted).ok_or("the list of networks is invalid")?;
    let client = trusted.client(headers).ok_or("the request has no client address")?;
    Ok((StatusCode::OK, client.to_string()))
}

/// Opens the SQLite database with this name.
async fn database(name: &str) -> Outcome {
    match spin_sdk::sqlite::Connection::open(name).await {
        Ok(_) => Ok((StatusCode::OK, String::new())),
        Err(error) => Err(format!("{error:?}")),
    }
}
