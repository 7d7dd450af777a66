//! Reading request bodies within limits of size and time.
//!
//! A route that needs an access token takes a [`RequestBody`] and reads it once the guard has admitted
//! the request. A route without one takes a [`ReceivedBody`], which has less time to arrive.

use crate::problem::Problem;
use axum::body::Body as AxumBody;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use connectivity_domain::problem::ProblemKind;
use connectivity_runtime::deadline::timeout;
use connectivity_runtime::instant;
use http::header;
use http_body::Body;
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

/// The longest body that is read, in bytes. A check has 30 bytes, and the longest document request
/// stays under 8 KiB.
pub const MAX_BODY: usize = 64 * 1024;

/// The longest body of a request of the bridge, in bytes. The bridge forwards messages as they came,
/// and the component says what is wrong with them.
pub const MAX_INTERNAL_BODY: usize = 1024 * 1024;

/// How long the body of an admitted request may take to arrive.
const ADMITTED_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a body may take to arrive if its route needs no access token. Slow senders hold an
/// instance without being counted by a rate limit.
const UNGUARDED_TIMEOUT: Duration = Duration::from_secs(3);

/// The body is read under a polling deadline of this length, so that other deadlines of the request
/// share its timer (see [`connectivity_runtime::deadline`]): it is longer than that of the guard's
/// query, which is running already, and shorter than those that follow.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than this number of bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The caller stopped sending before the end of the body.
    #[error("the body ended early")]
    Incomplete,
    /// The body did not arrive within this time.
    #[error("the body did not arrive within {} seconds", .0.as_secs())]
    Slow(Duration),
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge(_) => ProblemKind::PayloadTooLarge,
            BodyError::Incomplete | BodyError::Slow(_) => ProblemKind::InvalidRequest,
        };
        Self::new(kind, error.to_string())
    }
}

/// A body that is being read. It is boxed, so that each route does not contain the code again.
pub type Reading = Pin<Box<dyn Future<Output = Result<Bytes, BodyError>> + Send>>;

/// The body of a request, which has not been read yet.
pub struct RequestBody {
    /// The length that the request announces.
    length: Option<u64>,
    max: usize,
    body: AxumBody,
}

impl RequestBody {
    /// Reads the body of a request that the guard has admitted.
    ///
    /// # Errors
    ///
    /// The body is too long, incomplete, or took more than ten seconds to arrive.
    pub fn read(self) -> Reading {
        Box::pin(self.read_within(ADMITTED_TIMEOUT))
    }

    async fn read_within(self, limit: Duration) -> Result<Bytes, BodyError> {
        if self.length.is_some_and(|length| length > self.max as u64) {
            return Err(BodyError::TooLarge(self.max));
        }
        let started = instant();
        let mut reading = pin!(read_body(self.body, self.max));
        while instant() - started < limit {
            if let Some(read) = timeout(POLL_INTERVAL.min(limit), reading.as_mut()).await {
                return read;
            }
        }
        Err(BodyError::Slow(limit))
    }
}

impl<S: Sync> FromRequest<S> for RequestBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        let max = max_body(request.uri().path());
        Ok(Self { length, max, body: request.into_body() })
    }
}

/// The body of a request for a route without an access token, which has been read.
pub struct ReceivedBody(pub Bytes);

impl<S: Sync> FromRequest<S> for ReceivedBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Ok(body) = RequestBody::from_request(request, state).await;
        let reading: Reading = Box::pin(body.read_within(UNGUARDED_TIMEOUT));
        Ok(Self(reading.await?))
    }
}

/// Returns the longest body that is read from a request for this path, in bytes.
fn max_body(path: &str) -> usize {
    if path.starts_with("/internal/") { MAX_INTERNAL_BODY } else { MAX_BODY }
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
    use http_body::Frame;
    use http_body_util::Full;
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

    fn request_body(body: AxumBody, length: Option<u64>) -> RequestBody {
        RequestBody { length, max: MAX_BODY, body }
    }

    #[tokio::test]
    async fn slow_body_is_given_up_after_the_limit() {
        let limit = DRIP * 4;
        let dripping = || AxumBody::new(Dripping::new());
        let read = async |body, length| request_body(body, length).read_within(limit).await;
        assert_eq!(read(dripping(), None).await, Err(BodyError::Slow(limit)));
        assert_eq!(read(AxumBody::from("x"), None).await, Ok("x".into()));
        let too_long = Some(MAX_BODY as u64 + 1);
        assert_eq!(request_body(dripping(), too_long).read().await, Err(BodyError::TooLarge(MAX_BODY)));
    }
}
