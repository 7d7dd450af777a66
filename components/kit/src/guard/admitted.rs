//! Who was let in, and what the answer says about how often it may come.
//!
//! `RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers: a quota and its window, then
//! what remains of it and in how many seconds there is a new one.

use crate::problem::Problem;
use crate::throttle::{Rate, Standing, seconds};
use crate::token::Caller;
use axum::response::{IntoResponse, Response};
use connectivity_domain::problem::ProblemKind;
use http::{HeaderName, HeaderValue};

/// The header of the throttle's rule.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The header of what is left.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// A caller that was let in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who it is.
    pub caller: Caller,
    /// How often it may come.
    pub allowance: Allowance,
}

/// What is left to a caller whose call was counted. Nothing is known of one that is not throttled, or was not counted
/// because the cache is down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance(Option<(Policy, Standing)>);

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Those of one subject.
    User,
    /// Those of one address without a token.
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

impl Allowance {
    pub(super) fn of(policy: Policy, standing: Standing) -> Self {
        Self(Some((policy, standing)))
    }

    /// How many calls are left. `None`: the call was not counted; a route that has reason to may be stricter by itself.
    pub fn remaining(&self) -> Option<u64> {
        self.0.map(|(_, standing)| standing.remaining())
    }

    /// Adds the headers of the rate limit to a response.
    pub(super) fn answer<E: IntoResponse>(self, answer: Result<Response, E>) -> Response {
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        for (name, value) in self.headers() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.0.into_iter().flat_map(|(policy, standing)| {
            let Rate { calls, window } = standing.rate();
            let (name, remaining) = (policy.name(), standing.remaining());
            let rule = format!("\"{name}\";q={calls};w={}", window.as_secs());
            let rest = format!("\"{name}\";r={remaining};t={}", seconds(standing.left()));
            let headers = [(RATE_LIMIT_POLICY, rule), (RATE_LIMIT, rest)];
            headers.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)))
        })
    }
}

/// The answer to who has used up its calls.
pub(super) fn too_often(policy: Policy, standing: Standing) -> Problem {
    let Rate { calls, window } = standing.rate();
    let detail =
        format!("more than {calls} calls in {} seconds: come back as late as Retry-After says", window.as_secs());
    let problem = Problem::new(ProblemKind::TooManyRequests, detail).retry_after(standing.left());
    let headers = Allowance::of(policy, standing).headers();
    headers.fold(problem, |problem, (name, value)| problem.header(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_domain::time::Timestamp;
    use http::{StatusCode, header};
    use std::time::Duration;

    fn standing(taken: u64) -> Standing {
        let rate = Rate { calls: 1000, window: Duration::from_hours(1) };
        rate.standing(taken, rate.window_at(Timestamp::from_micros(1_800_000_500_000)).1)
    }

    fn text(response: &Response, name: HeaderName) -> &str {
        response.headers()[name].to_str().expect("text")
    }

    #[test]
    fn an_answer_says_what_is_left_and_until_when() {
        let answered = Allowance::of(Policy::User, standing(1)).answer::<Problem>(Ok(StatusCode::OK.into_response()));
        assert_eq!(text(&answered, RATE_LIMIT_POLICY), "\"user\";q=1000;w=3600");
        // Half a second of the window has passed, so a whole second more is the shortest true answer.
        assert_eq!(text(&answered, RATE_LIMIT), "\"user\";r=999;t=3600");
        let uncounted = Allowance::default().answer::<Problem>(Ok(StatusCode::OK.into_response()));
        assert!(uncounted.headers().is_empty());
    }

    #[test]
    fn a_refusal_says_it_too() {
        let refused = too_often(Policy::Anonymous, standing(1001)).into_response();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(text(&refused, RATE_LIMIT), "\"anonymous\";r=0;t=3600");
        assert_eq!(text(&refused, header::RETRY_AFTER), "3600");
    }
}
