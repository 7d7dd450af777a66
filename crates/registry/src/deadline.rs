//! How long the questions of one request may take together.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long all questions of a request may take, unless a single call may take longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The deadline of the questions of one request. It is set when the first one is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestDeadline(OnceLock<Instant>);

impl RequestDeadline {
    /// Returns how long a call that begins now may take, at most `call_timeout`. `None`: the deadline
    /// has passed.
    pub(crate) fn limit(&self, call_timeout: Duration, now: Instant) -> Option<Duration> {
        let deadline = *self.0.get_or_init(|| now + call_timeout.max(REQUEST_TIMEOUT));
        let left = deadline.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(left.min(call_timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn calls_of_a_request_end_at_its_deadline() {
        let (deadline, start) = (RequestDeadline::default(), Instant::now());
        let limit = |seconds| deadline.limit(SECOND * 20, start + SECOND * seconds);
        assert_eq!([0, 10, 11, 29].map(limit), [20, 20, 19, 1].map(|seconds| Some(SECOND * seconds)));
        assert_eq!([30, 31].map(limit), [None, None]);
    }

    #[test]
    fn first_call_has_all_of_its_time() {
        let (deadline, start) = (RequestDeadline::default(), Instant::now());
        assert_eq!(deadline.limit(SECOND * 60, start), Some(SECOND * 60));
        assert_eq!(deadline.limit(SECOND * 60, start + SECOND * 59), Some(SECOND));
    }
}
