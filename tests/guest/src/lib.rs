//! A component that does to the local host what a component may do, and what it may not. The path says what.
#![cfg(target_family = "wasm")]

mod conformance;
mod guard;

use bytes::Bytes;
use connectivity_kit::guard::Networks;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use spin_sdk::http::{IntoResponse, send};
use spin_sdk::key_value::Store;
use spin_sdk::wasip3::http::types::{self, ErrorCode};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many requests this instance has had.
static SERVED: AtomicU64 = AtomicU64::new(0);

type Answer = Result<(StatusCode, String), String>;

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
        "/probe/store" => store(&query).await,
        "/probe/database" => database(&query).await,
        "/probe/conformance/database" => conformance::database().await.map(|report| (StatusCode::OK, report)),
        "/probe/conformance/cache" => conformance::cache().await.map(|report| (StatusCode::OK, report)),
        "/probe/client" => client(&query, request.headers()),
        "/probe/conformance/guard" => guard::guard().await.map(|report| (StatusCode::OK, report)),
        path => Ok((StatusCode::OK, path.to_owned())),
    };
    let (status, text) = answer.unwrap_or_else(|error| (StatusCode::IM_A_TEAPOT, error));
    let response = Response::builder().status(status).body(Full::new(Bytes::from(text)));
    response.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?.into_response()
}

/// Computes and never pauses.
fn busy() -> Answer {
    let mut number: u64 = 1;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Waits longer than anybody has patience for.
async fn never() -> Answer {
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(u64::MAX / 2).await;
    Err("time has ended".to_owned())
}

/// Asks an address.
async fn call(url: &str) -> Answer {
    let request = Request::get(url).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let response = send(request).await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Says where the request comes from, if these proxies are trusted.
fn client(trusted: &str, headers: &http::HeaderMap) -> Answer {
    let trusted = Networks::parse(trusted).ok_or("no networks")?;
    let client = trusted.client(headers).ok_or("nobody")?;
    Ok((StatusCode::OK, client.to_string()))
}

/// Writes, reads and removes in the store of that name.
async fn store(label: &str) -> Answer {
    let told = |error: spin_sdk::key_value::Error| format!("{error:?}");
    let store = Store::open(label).await.map_err(told)?;
    store.set("b", b"2").await.map_err(told)?;
    store.set("a", b"0").await.map_err(told)?;
    store.set("a", b"1").await.map_err(told)?;
    let keys = store.get_keys().await.collect().await.map_err(told)?;
    let value = store.get("a").await.map_err(told)?;
    store.delete("a").await.map_err(told)?;
    let (there, gone) = (store.exists("b").await.map_err(told)?, store.get("a").await.map_err(told)?);
    Ok((StatusCode::OK, format!("{keys:?} {value:?} {there} {gone:?}")))
}

/// Opens the database of that name.
async fn database(name: &str) -> Answer {
    match spin_sdk::sqlite::Connection::open(name).await {
        Ok(_) => Ok((StatusCode::OK, String::new())),
        Err(error) => Err(format!("{error:?}")),
    }
}
