//! One HTTP request to the registry, and its response. What the response means is the plugin's to
//! say.

use crate::body;
use crate::cause::cause;
use connectivity_domain::verdict::{Cause, Evidence};
use connectivity_runtime::deadline::timeout_at;
use connectivity_runtime::message_body::chunks;
use connectivity_runtime::{begin, instant};
use futures_util::TryStreamExt;
use http::{HeaderMap, Method};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request, RequestOptions, Response, Scheme};
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureWriter, StreamWriter};
use std::pin::pin;
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

/// The end of a request's trailers into which they are written.
type Trailers = FutureWriter<Result<Option<Fields>, ErrorCode>>;

/// Sends a question and reads the response within `limit`. `trace` is added to the request's
/// headers.
///
/// A response that breaks off counts as none (RFC 9112 section 8).
pub async fn exchange(endpoint: &Endpoint, question: &Question, trace: &HeaderMap, limit: Duration) -> Exchange {
    let end = instant() + limit;
    let answered = async {
        let response = send(endpoint, question, trace, limit).await?;
        timeout_at(end, read(response)).await.unwrap_or(Err(Cause::Timeout))
    };
    answered.await.unwrap_or_else(Exchange::Failed)
}

/// Sends a question and waits for the head of the response. The host keeps the time limit, which
/// takes fewer calls than a timer.
async fn send(endpoint: &Endpoint, question: &Question, trace: &HeaderMap, limit: Duration) -> Result<Response, Cause> {
    let (request, contents, trailers) = request(endpoint, question, trace, limit)?;
    let unwritten = if let (Some(mut contents), Some(body)) = (contents, question.body.clone()) {
        // It begins before the host gets the request, so that head and body leave in one write.
        // Otherwise Nagle's algorithm and the registry's delayed acknowledgement add 40 ms.
        begin(async move {
            contents.write_all(body.into_bytes()).await;
            drop((contents, trailers));
        })
        .await;
        None
    } else {
        Some(trailers)
    };
    let response = client::send(request).await.map_err(|error| cause(&error))?;
    if let Some(trailers) = unwritten {
        // The host waits for them by now, so that this takes no event.
        let _ = trailers.write(Ok(None)).await;
    }
    Ok(response)
}

/// Makes a request of the host's, and the ends into which its body and its trailers are written.
/// Validated settings cannot make this fail. If it does, the registry was not asked.
fn request(
    endpoint: &Endpoint,
    question: &Question,
    trace: &HeaderMap,
    limit: Duration,
) -> Result<(Request, Option<StreamWriter<u8>>, Trailers), Cause> {
    let options = RequestOptions::new();
    // A host may not support it. Then the caller's own limit ends the call.
    let _ = options.set_first_byte_timeout(Some(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)));
    let fields = Fields::from_list(&fields(endpoint, question, trace)).map_err(|_| Cause::Connection)?;
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    let (contents, contents_reader) = question.body.is_some().then(wit_stream::new).unzip();
    let (request, _) = Request::new(fields, contents_reader, trailers_reader, Some(options));
    let (scheme, authority) = match endpoint.url.strip_prefix("http://") {
        Some(authority) => (Scheme::Http, authority),
        None => (Scheme::Https, endpoint.url.strip_prefix("https://").unwrap_or_default()),
    };
    // A new request has the method GET.
    let is_get = question.method == Method::GET;
    let head = if is_get { Ok(()) } else { request.set_method(&question.method.clone().into()) };
    let head = head.and(request.set_scheme(Some(&scheme))).and(request.set_authority(Some(authority)));
    head.and(request.set_path_with_query(Some(&question.path))).map_err(|()| Cause::Connection)?;
    Ok((request, contents, trailers))
}

/// Returns the header fields of a request. With a length, the host sends no body in chunks.
fn fields(endpoint: &Endpoint, question: &Question, trace: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let length = question.body.as_ref().map_or(0, String::len).to_string();
    let mut fields = vec![("accept", "application/json".into()), ("content-length", length.into())];
    if question.body.is_some() {
        fields.push(("content-type", "application/json".into()));
    }
    if let Some(key) = &endpoint.api_key {
        fields.push(("authorization", format!("Bearer {key}").into()));
    }
    fields.extend(trace.iter().map(|(name, value)| (name.as_str(), value.as_bytes().to_vec())));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Reads the status and the beginning of the body.
async fn read(response: Response) -> Result<Exchange, Cause> {
    let status = response.get_status_code();
    let retry_after = if status >= 400 { number(&response, "retry-after") } else { None };
    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    let (mut read, mut complete) = (Vec::new(), true);
    // A 204 has no body (RFC 9112 section 6.3).
    if status != 204 {
        let length = number(&response, "content-length");
        let mut chunks = pin!(chunks(response, length));
        while let Some(chunk) = chunks.try_next().await.map_err(|_| Cause::Connection)? {
            let room = MAX_BODY - read.len();
            read.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                complete = false;
                break;
            }
        }
    }
    let body::Body { kept, is_json } = body::read(&read, complete);
    Ok(Exchange::Answered { answer: Answer { evidence: Evidence { status, body: kept }, is_json }, retry_after })
}

/// Returns the number that a header field of the response has as its value.
fn number(response: &Response, name: &str) -> Option<u64> {
    std::str::from_utf8(response.get_headers().get(name).first()?).ok()?.trim().parse().ok()
}
