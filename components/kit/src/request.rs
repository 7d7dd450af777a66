//! What arrives: the body, read to a bound; the request id; the trace context.

use crate::runtime::deadline::timeout;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bytes::{Bytes, BytesMut};
pub use connectivity_runtime::request_context::RequestContext;
use http::{HeaderMap, Request, header};
use http_body::Body;
use http_body_util::BodyExt;
use std::pin::pin;
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
/// can then do with the timer that this one has set (see [`connectivity_runtime::deadline`]).
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
        if let Some(read) = timeout(LOOK, reading.as_mut()).await {
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

pub use connectivity_registry::RegistryFactory as Asking;

/// The context of a request that went through [`crate::answer::exchange`].
pub fn context<B>(request: &Request<B>) -> Option<&RequestContext> {
    request.extensions().get()
}

/// The text in a path. Empty where it is no UTF-8: then it names nothing, as the empty text does.
pub fn in_path(text: Result<Path<String>, PathRejection>) -> String {
    text.map(|Path(text)| text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http_body::Frame;
    use http_body_util::Full;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

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
