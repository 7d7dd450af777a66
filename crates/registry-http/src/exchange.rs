//! One HTTP request to the registry, and its response. What the response means is the plugin's to
//! say.

use crate::body;
use bytes::Bytes;
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_runtime::deadline::timeout;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full};
use spin_sdk::http::{Response, send};
use spin_sdk::wasip3::http::types::ErrorCode;
use std::time::Duration;

/// How much of a response's body is read, in bytes. The rest is cut off.
const MAX_BODY: usize = 64 * 1024;

/// The longest `Retry-After` that is respected. A registry that asks for more is asked again
/// sooner.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The origin of a registry, and the headers that every request to it carries.
///
/// It may hold a secret, and so has no `Debug`.
pub struct Endpoint {
    /// Scheme, host and port, without a trailing slash.
    pub url: String,
    /// The bearer token that authenticates the operator to the registry.
    pub api_key: Option<String>,
}

/// A question to the registry.
pub struct Question {
    /// The HTTP method.
    pub method: Method,
    /// The path and the query.
    pub path: String,
    /// The JSON body.
    pub body: Option<String>,
}

/// A complete response of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, and the body as [`body::read`] keeps it.
    pub evidence: Evidence,
    /// Whether the body is JSON, as [`Body::is_json`](body::Body::is_json) says.
    pub is_json: bool,
}

/// How one exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The registry sent a complete response.
    Answered {
        /// The response.
        answer: Answer,
        /// The value of `Retry-After` if it was given in seconds.
        retry_after: Option<Duration>,
    },
    /// There was no complete response.
    Failed(Cause),
}

/// Sends a question and reads the response within `limit`. `trace` is added to the request's
/// headers.
///
/// A response that breaks off counts as none (RFC 9112 section 8).
pub async fn exchange(endpoint: &Endpoint, question: &Question, trace: &HeaderMap, limit: Duration) -> Exchange {
    let answered = timeout(limit, async {
        let response = send(request(endpoint, question, trace)?).await.map_err(|error| cause(&error))?;
        read(response).await
    });
    match answered.await {
        Some(Ok(exchange)) => exchange,
        Some(Err(cause)) => Exchange::Failed(cause),
        None => Exchange::Failed(Cause::Timeout),
    }
}

fn request(endpoint: &Endpoint, question: &Question, trace: &HeaderMap) -> Result<Request<Full<Bytes>>, Cause> {
    let mut request = Request::builder()
        .method(question.method.clone())
        .uri(format!("{}{}", endpoint.url, question.path))
        .header(header::ACCEPT, "application/json");
    if question.body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(key) = &endpoint.api_key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    if let Some(headers) = request.headers_mut() {
        headers.extend(trace.clone());
    }
    let body = question.body.clone().unwrap_or_default();
    // Validated settings cannot make this fail. If it does, the registry was not asked.
    request.body(Full::new(Bytes::from(body))).map_err(|_| Cause::Connection)
}

/// Reads the status and the beginning of the body.
async fn read(response: Response) -> Result<Exchange, Cause> {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = response.into_body();
    let mut read = Vec::new();
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Cause::Connection) };
        if let Some(data) = frame.data_ref() {
            let room = MAX_BODY - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                complete = false;
                break;
            }
        }
    }
    let body::Body { kept, is_json } = body::read(&read, complete);
    Ok(Exchange::Answered { answer: Answer { evidence: Evidence { status, body: kept }, is_json }, retry_after })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Translates an error of the host.
fn cause(error: &ErrorCode) -> Cause {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Cause::Timeout,
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => Cause::Tls,
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::LoopDetected
        | ErrorCode::ConfigurationError
        | ErrorCode::InternalError(_) => Cause::Connection,
    }
}
