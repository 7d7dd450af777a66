//! Reading request bodies within limits of size and time.

use bytes::{Bytes, BytesMut};
use connectivity_runtime::deadline::timeout;
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use std::pin::pin;
use std::time::{Duration, Instant};

/// The longest body that is read, in bytes. A check has 30 bytes, and the longest document request
/// stays under 8 KiB.
pub const MAX_BODY: usize = 64 * 1024;

/// The longest body of a request of the bridge, in bytes. The bridge forwards messages as they came,
/// and the component says what is wrong with them.
pub const MAX_INTERNAL_BODY: usize = 1024 * 1024;

/// How long a body may take to arrive. Its caller is not authenticated before it is complete, so
/// slow senders would hold an instance without being counted by a rate limit.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body is read under a polling deadline of this length, so that later deadlines reuse its
/// timer (see [`connectivity_runtime::deadline`]). It is shorter than all of them; the shortest is
/// the cache's 500 ms.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than this number of bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The caller stopped sending before the end of the body.
    #[error("the body ended early")]
    Incomplete,
    /// The body did not arrive within [`BODY_TIMEOUT`].
    #[error("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs())]
    Slow,
}

/// Returns the longest body that is read from a request for this path, in bytes.
pub(crate) fn max_body(path: &str) -> usize {
    if path.starts_with("/internal/") { MAX_INTERNAL_BODY } else { MAX_BODY }
}

/// Reads the body of a request with these headers: at most `max` bytes, for at most `limit`.
pub(crate) async fn receive<B>(headers: &HeaderMap, body: B, max: usize, limit: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: Send,
{
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > max as u64) {
        return Err(BodyError::TooLarge(max));
    }
    let started = Instant::now();
    let mut reading = pin!(read_body(body, max));
    while started.elapsed() < limit {
        if let Some(read) = timeout(POLL_INTERVAL, reading.as_mut()).await {
            return read;
        }
    }
    Err(BodyError::Slow)
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge(limit));
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Incomplete)?;
        if let Some(data) = frame.data_ref() {
            if read.len() + data.len() > limit {
                return Err(BodyError::TooLarge(limit));
            }
            read.extend_from_slice(data);
        }
    }
    Ok(read.freeze())
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
    async fn body_is_read_up_to_its_limit() {
        let body = |length: usize| Full::new(Bytes::from(vec![b'x'; length]));
        assert_eq!(read_body(body(10), 10).await.map(|bytes| bytes.len()), Ok(10));
        assert_eq!(read_body(body(11), 10).await, Err(BodyError::TooLarge(10)));
    }

    #[test]
    fn only_the_bridge_may_send_long_bodies() {
        for (path, max) in [
            ("/api/v1/documents/authenticate/", MAX_BODY),
            ("/internal/v1/documents/deliveries", MAX_INTERNAL_BODY),
            ("/internalised", MAX_BODY),
        ] {
            assert_eq!(max_body(path), max, "{path}");
        }
    }

    /// A body that sends one byte every few milliseconds and never ends.
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
    async fn slow_body_is_given_up_after_the_limit() {
        let (limit, full) = (POLL_INTERVAL * 2, || Full::new(Bytes::from_static(b"x")));
        assert_eq!(receive(&HeaderMap::new(), Dripping::new(), MAX_BODY, limit).await, Err(BodyError::Slow));
        assert_eq!(receive(&HeaderMap::new(), full(), MAX_BODY, limit).await, Ok("x".into()));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(MAX_BODY + 1));
        let received = receive(&headers, Dripping::new(), MAX_BODY, Duration::MAX).await;
        assert_eq!(received, Err(BodyError::TooLarge(MAX_BODY)));
    }
}
