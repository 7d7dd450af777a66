//! The headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): the quota
//! and its window, and what remains of it until the window ends.

use crate::problem::Problem;
use crate::rate_limit::{Rate, RateLimitStatus, whole_seconds};
use axum::response::{IntoResponse, Response};
use connectivity_domain::problem::ProblemKind;
use http::{HeaderName, HeaderValue};

/// The header that says what the rate limit is.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The header that says what remains of it.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The headers that tell a caller its rate-limit status. There are none for a request without a
/// rate limit, or if its call was not counted because the cache is down.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateLimitHeaders(Option<(Policy, RateLimitStatus)>);

/// Which calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// The calls of one subject.
    User,
    /// The calls of one address without a token.
    Anonymous,
}

impl Policy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Anonymous => "anonymous",
        }
    }
}

impl RateLimitHeaders {
    pub(super) fn new(policy: Policy, status: RateLimitStatus) -> Self {
        Self(Some((policy, status)))
    }

    /// Returns how many more calls the window allows. `None` means that the call was not counted.
    pub fn remaining(&self) -> Option<u64> {
        self.0.map(|(_, status)| status.remaining())
    }

    /// Adds the headers to a response.
    pub(super) fn add_to<E: IntoResponse>(self, result: Result<Response, E>) -> Response {
        let mut response = result.unwrap_or_else(IntoResponse::into_response);
        for (name, value) in self.headers() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.0.into_iter().flat_map(|(policy, status)| {
            let Rate { calls, window } = status.rate();
            let (name, remaining) = (policy.name(), status.remaining());
            let limit = format!("\"{name}\";q={calls};w={}", window.as_secs());
            let rest = format!("\"{name}\";r={remaining};t={}", whole_seconds(status.left()));
            let headers = [(RATE_LIMIT_POLICY, limit), (RATE_LIMIT, rest)];
            headers.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)))
        })
    }
}

/// Returns the problem of a caller without calls left.
pub(super) fn too_many_requests(policy: Policy, status: RateLimitStatus) -> Problem {
    let Rate { calls, window } = status.rate();
    let (seconds, own, left) = (window.as_secs(), status.calls(), status.remaining());
    let detail = if own > calls {
        format!("the request counts {own} calls, and {calls} in {seconds} seconds are allowed: send fewer ids at once")
    } else if own > 1 {
        format!(
            "the request counts {own} calls, and {left} of {calls} in {seconds} seconds are left: send fewer ids, or \
             try again after the time in Retry-After"
        )
    } else {
        format!("more than {calls} calls in {seconds} seconds: try again after the time in Retry-After")
    };
    let problem = Problem::new(ProblemKind::TooManyRequests, detail).retry_after(status.left());
    let headers = RateLimitHeaders::new(policy, status).headers();
    headers.fold(problem, |problem, (name, value)| problem.header(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_domain::time::Timestamp;
    use http::{StatusCode, header};
    use std::time::Duration;

    fn status(taken: u64) -> RateLimitStatus {
        let rate = Rate { calls: 1000, window: Duration::from_hours(1) };
        rate.status(taken, rate.window_at(Timestamp::from_micros(1_800_000_500_000)).1)
    }

    fn text(response: &Response, name: HeaderName) -> &str {
        response.headers()[name].to_str().expect("text")
    }

    #[test]
    fn response_carries_the_rate_limit_status() {
        let answered =
            RateLimitHeaders::new(Policy::User, status(1)).add_to::<Problem>(Ok(StatusCode::OK.into_response()));
        assert_eq!(text(&answered, RATE_LIMIT_POLICY), "\"user\";q=1000;w=3600");
        // Half a second of the window has passed: whole seconds are rounded up.
        assert_eq!(text(&answered, RATE_LIMIT), "\"user\";r=999;t=3600");
        let uncounted = RateLimitHeaders::default().add_to::<Problem>(Ok(StatusCode::OK.into_response()));
        assert!(uncounted.headers().is_empty());
    }

    #[test]
    fn refusal_carries_the_rate_limit_status() {
        let refused = too_many_requests(Policy::Anonymous, status(1001)).into_response();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(text(&refused, RATE_LIMIT), "\"anonymous\";r=0;t=3600");
        assert_eq!(text(&refused, header::RETRY_AFTER), "3600");
    }
}
