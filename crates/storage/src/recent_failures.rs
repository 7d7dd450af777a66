//! Whether what an instance asks of a server has failed lately.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many failures in a row count. A single one may be due to its request, or to a connection.
const MIN_FAILURES: u32 = 2;

/// How long failures count.
const LIFETIME: Duration = Duration::from_secs(15);

/// The failures since the last success. An instance keeps them.
#[derive(Default)]
pub(crate) struct RecentFailures(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
}

impl RecentFailures {
    /// Records a success.
    pub(crate) fn succeeded(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count = 0;
    }

    /// Records a failure.
    pub(crate) fn failed(&self, now: Instant) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.count = failures.count.saturating_add(1);
        failures.last = Some(now);
    }

    /// Returns whether several calls in a row have failed, the last of them not long ago.
    pub(crate) fn is_failing(&self, now: Instant) -> bool {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = failures.last.is_some_and(|last| now.saturating_duration_since(last) < LIFETIME);
        failures.count >= MIN_FAILURES && is_recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_recent_failures_without_a_success_count() {
        let (failures, start) = (RecentFailures::default(), Instant::now());
        failures.failed(start);
        assert!(!failures.is_failing(start), "one may be due to its request");
        failures.failed(start);
        assert!(failures.is_failing(start) && failures.is_failing(start + LIFETIME / 2));
        assert!(!failures.is_failing(start + LIFETIME));
        failures.succeeded();
        assert!(!failures.is_failing(start));
    }
}
