//! The last result of a health check, so that frequent probes do not multiply the checks.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a result is used again.
const LIFETIME: Duration = Duration::from_secs(1);

/// The last result of one check.
pub(crate) struct Recent<T>(Mutex<State<T>>);

struct State<T> {
    last: Option<(Instant, T)>,
    is_running: bool,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(State { last: None, is_running: false }))
    }
}

/// A running check. It has ended when this is dropped, with the request that runs it if need be.
struct Running<'a, T>(&'a Recent<T>);

impl<T: Clone> Recent<T> {
    /// Returns the last result if it is less than a second old, or if another request is running the
    /// check. Otherwise runs the check.
    pub(crate) async fn get(&self, check: impl Future<Output = T>) -> T {
        let running = {
            let mut state = self.state();
            if let Some((at, last)) = &state.last
                && (state.is_running || at.elapsed() < LIFETIME)
            {
                return last.clone();
            }
            state.is_running = true;
            Running(self)
        };
        let result = check.await;
        self.state().last = Some((Instant::now(), result.clone()));
        drop(running);
        result
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Running<'_, T> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).is_running = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn check_runs_at_most_once_a_second_and_once_at_a_time() {
        let recent = Recent::default();
        assert_eq!(recent.get(ready(1)).await, 1);
        assert_eq!(recent.get(ready(2)).await, 1);
        let expired = Instant::now().checked_sub(LIFETIME).expect("a moment");
        let expire = || recent.state().last = Some((expired, 3));
        expire();
        let mut running = Box::pin(recent.get(pending()));
        assert!((&mut running).now_or_never().is_none());
        assert_eq!(recent.get(ready(4)).await, 3, "the check is running");
        drop(running);
        assert_eq!(recent.get(ready(5)).await, 5, "the request that ran it is gone");
        expire();
        assert_eq!(recent.get(ready(6)).await, 6);
    }
}
