//! One question to the registry over HTTP, and what came back. No opinion about it.

use crate::call::Trace;
use crate::settings::Settings;
use bytes::Bytes;
use connectivity_domain::http_registry::{Exchange, Transport, registry_body};
use connectivity_kit::runtime;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use spin_sdk::http::{Response, send};
use spin_sdk::wasip3::http::types::ErrorCode;
use std::time::Duration;

/// How much of an answer is read. What the registry says is a sentence; the rest is cut off.
const MAX_BODY: usize = 64 * 1024;

/// A registry that asks for more than this is asked again sooner all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// A question: method, path and a JSON body if it has one.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
}

/// Asks once, within the time for one try or what is left of the call.
pub(crate) async fn ask(settings: &Settings, question: &Question, trace: &Trace, limit: Duration) -> Exchange {
    let answered = runtime::deadline::timeout(limit, async {
        let response = match send(request(settings, question, trace)?).await {
            Ok(response) => response,
            Err(error) => return Err(transport(&error)),
        };
        read(response).await
    });
    match answered.await {
        Some(Ok(exchange)) => exchange,
        Some(Err(failure)) => Exchange::Failed(failure),
        None => Exchange::Failed(Transport::Timeout),
    }
}

fn request(settings: &Settings, question: &Question, trace: &Trace) -> Result<Request<Full<Bytes>>, Transport> {
    let mut request = Request::builder()
        .method(question.method.clone())
        .uri(format!("{}{}", settings.url, question.path))
        .header(header::ACCEPT, "application/json");
    if question.body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(key) = &settings.api_key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    for (name, value) in [("traceparent", &trace.traceparent), ("tracestate", &trace.tracestate)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let body = question.body.clone().unwrap_or_default();
    // Cannot happen with validated settings; if it does, nobody was asked.
    request.body(Full::new(Bytes::from(body))).map_err(|_| Transport::Connection)
}

/// Reads the status, and of the body as much as is kept. An answer that breaks off is none (RFC 9112 section 8): both
/// questions may be repeated safely.
async fn read(response: Response) -> Result<Exchange, Transport> {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    let mut body = response.into_body();
    let mut read = Vec::new();
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Transport::Connection) };
        if let Some(data) = frame.data_ref() {
            let room = MAX_BODY - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                complete = false;
                break;
            }
        }
    }
    Ok(Exchange::Answered { status, body: registry_body(&read, complete), retry_after })
}

/// What kind of failure an error of the host stands for.
fn transport(error: &ErrorCode) -> Transport {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Transport::Timeout,
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => Transport::Tls,
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
        | ErrorCode::InternalError(_) => Transport::Connection,
    }
}
