//! Fetches a key set over HTTP.

use super::issuer::{Fetch, FetchError};
use crate::request_body::read_body;
use bytes::Bytes;
use connectivity_runtime::deadline::timeout;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use std::time::Duration;

/// How long a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest key set that is read, in bytes.
const MAX_SET: usize = 256 * 1024;

/// Returns a function that fetches the key set from this address.
pub(super) fn from(url: String) -> Fetch {
    Box::new(move || {
        let url = url.clone();
        Box::pin(async move {
            let answer = timeout(FETCH_TIMEOUT, get(&url)).await;
            answer.unwrap_or_else(|| Err(FetchError("the issuer did not answer in time".into())))
        })
    })
}

async fn get(url: &str) -> Result<Vec<u8>, FetchError> {
    let request = Request::get(url).header(header::ACCEPT, "application/jwk-set+json, application/json");
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| FetchError(error.to_string()))?;
    let response = spin_sdk::http::send(request).await.map_err(|error| FetchError(format!("{error:?}")))?;
    if response.status() != StatusCode::OK {
        return Err(FetchError(format!("the issuer answered {}", response.status())));
    }
    let body = read_body(response.into_body(), MAX_SET).await;
    body.map(|bytes| bytes.to_vec()).map_err(|error| FetchError(error.to_string()))
}
