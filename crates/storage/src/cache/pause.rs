//! The pause after a failure of the cache.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a cache that failed is not called, so that a hanging one does not slow every request.
const LENGTH: Duration = Duration::from_secs(1);

/// The pause of one cache. It is measured by the monotonic clock, which nobody sets back.
#[derive(Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// Returns whether the cache is not to be called. The clock is read only after a failure.
    pub(super) fn is_on(&self, now: impl FnOnce() -> Instant) -> bool {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if end.is_some_and(|end| end <= now()) {
            *end = None;
        }
        end.is_some()
    }

    /// Starts the pause, after a failure at `now`.
    pub(super) fn start(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_ends_after_a_second() {
        let (pause, start) = (Pause::default(), Instant::now());
        assert!(!pause.is_on(|| panic!("the clock is not read before a failure")));
        pause.start(start);
        assert!(pause.is_on(|| start) && pause.is_on(|| start + LENGTH / 2));
        assert!(!pause.is_on(|| start + LENGTH));
        assert!(!pause.is_on(|| panic!("the pause is over")));
    }
}
