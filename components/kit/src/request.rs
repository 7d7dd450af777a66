//! What arrives: the body, read to a bound; the request id; the trace context.

use crate::runtime;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, header};
use http_body::Body;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest body that is read. A check is 30 bytes; the longest document request stays under 8 KiB.
pub const MAX_BODY: usize = 64 * 1024;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than [`MAX_BODY`].
    #[error("the body is longer than {MAX_BODY} bytes")]
    TooLarge,
    /// The caller stopped sending.
    #[error("the body ended before its end")]
    Incomplete,
    /// It did not arrive within [`PATIENCE`].
    #[error("the body did not arrive within {} seconds", PATIENCE.as_secs())]
    Slow,
}

/// How long a body may take to arrive. Until it is there nobody knows who calls: whoever sends slowly would hold an instance,
/// and none of the throttles would count it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often the time is looked at meanwhile. Shorter than every deadline that follows (the shortest: the cache's 500 ms), which
/// can then do with the timer that this one has set (see [`crate::alarm`]).
const LOOK: Duration = Duration::from_millis(250);

/// Reads the body of a request with these headers, at most [`MAX_BODY`] of it, and for at most so long.
pub(crate) async fn receive<B>(headers: &HeaderMap, body: B, patience: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: Send,
{
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(BodyError::TooLarge);
    }
    let begun = Instant::now();
    let mut reading = pin!(read_body(body, MAX_BODY));
    while begun.elapsed() < patience {
        if let Some(read) = runtime::timeout(LOOK, reading.as_mut()).await {
            return read;
        }
    }
    Err(BodyError::Slow)
}

/// Reads a body, at most `limit` bytes of it.
pub async fn read_body<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Incomplete)?;
        if let Some(data) = frame.data_ref() {
            if read.len() + data.len() > limit {
                return Err(BodyError::TooLarge);
            }
            read.extend_from_slice(data);
        }
    }
    Ok(read.freeze())
}

/// Makes the registry that one request asks: its trace goes with the question.
pub type Asking<R> = Arc<dyn Fn(&RequestContext) -> R + Send + Sync>;

/// What identifies one request in answers, logs and traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// From `X-Request-Id` where that is sane, else the caller of [`RequestContext::of`] made it.
    pub request_id: String,
    /// W3C Trace Context `traceparent`, if it has the right form.
    pub traceparent: Option<String>,
    /// W3C Trace Context `tracestate`, only together with a `traceparent`.
    pub tracestate: Option<String>,
}

impl RequestContext {
    /// Reads the context from the headers; `new_id` names the request if nobody else did.
    pub fn of(headers: &HeaderMap, new_id: impl FnOnce() -> String) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let traceparent = text("traceparent").filter(|value| is_traceparent(value)).map(str::to_owned);
        let tracestate =
            text("tracestate").filter(|value| traceparent.is_some() && value.len() <= 512).map(str::to_owned);
        let request_id = text("x-request-id").filter(|id| is_request_id(id)).map_or_else(new_id, str::to_owned);
        Self { request_id, traceparent, tracestate }
    }

    /// The trace id inside `traceparent`.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref().and_then(|value| value.get(3..35))
    }
}

/// The context of a request that went through [`crate::answer::exchange`].
pub fn context<B>(request: &Request<B>) -> Option<&RequestContext> {
    request.extensions().get()
}

/// Reads a JSON object. By itself a struct is read from an array of its fields too.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'{') {
        return Err(serde::de::Error::custom("it is not a JSON object"));
    }
    serde_json::from_slice(body)
}

/// The text in a path. Empty where it is no UTF-8: then it names nothing, as the empty text does.
pub fn in_path(text: Result<Path<String>, PathRejection>) -> String {
    text.map(|Path(text)| text).unwrap_or_default()
}

/// A caller's id is copied into logs and headers: short, and of characters that mean nothing anywhere.
fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// `version-traceid-parentid-flags` in lower-case hex (W3C Trace Context section 3.2.2).
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    matches!(parts[..], [version, trace, parent, flags]
        if hex(version, 2) && version != "ff" && hex(trace, 32) && !zero(trace) && hex(parent, 16) && !zero(parent) && hex(flags, 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http_body::Frame;
    use http_body_util::Full;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    fn of(name: &'static str, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a header"));
        RequestContext::of(&headers, || "made".into())
    }

    #[test]
    fn a_request_id_is_taken_only_if_it_is_harmless() {
        assert_eq!(of("x-request-id", "abc-1.2:3_4").request_id, "abc-1.2:3_4");
        for bad in ["", "a b", "a\"b", "é", &"x".repeat(129)] {
            assert_eq!(of("x-request-id", bad).request_id, "made", "{bad}");
        }
    }

    #[test]
    fn a_traceparent_is_taken_only_in_its_form() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = of("traceparent", good);
        assert_eq!(context.traceparent.as_deref(), Some(good));
        assert_eq!(context.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(of("traceparent", bad).traceparent, None, "{bad}");
        }
    }

    #[test]
    fn an_object_is_read_and_no_array_of_its_fields() {
        #[derive(serde::Deserialize)]
        struct One {
            field: u8,
        }
        let read = |text: &str| object::<One>(text.as_bytes()).map(|one| one.field).ok();
        assert_eq!(read(" \n{\"field\": 1}"), Some(1));
        for bad in ["", " ", "[1]", "1", "null", "\"{}\"", "{", "{\"field\": 1} 2"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_bound_and_no_further() {
        let body = |length: usize| Full::new(Bytes::from(vec![b'x'; length]));
        assert_eq!(read_body(body(10), 10).await.map(|bytes| bytes.len()), Ok(10));
        assert_eq!(read_body(body(11), 10).await, Err(BodyError::TooLarge));
    }

    /// A body that comes a byte each few milliseconds, and never ends.
    struct Dripping(Pin<Box<tokio::time::Sleep>>);

    const DRIP: Duration = Duration::from_millis(5);

    impl Dripping {
        fn new() -> Self {
            Self(Box::pin(tokio::time::sleep(DRIP)))
        }
    }

    impl Body for Dripping {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            ready!(self.0.as_mut().poll(context));
            self.0 = Box::pin(tokio::time::sleep(DRIP));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
        let patience = LOOK * 2;
        assert_eq!(receive(&HeaderMap::new(), Dripping::new(), patience).await, Err(BodyError::Slow));
        assert_eq!(receive(&HeaderMap::new(), Full::new(Bytes::from_static(b"x")), patience).await, Ok("x".into()));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(MAX_BODY + 1));
        assert_eq!(receive(&headers, Dripping::new(), Duration::MAX).await, Err(BodyError::TooLarge));
    }
}
