//! Pauses the delivery of all messages while the components fail, instead of sending every message
//! through a delay queue.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How many failures in a row pause the flow.
const MAX_FAILURES: u32 = 5;
/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause: a recovered service is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Every message is delivered.
    Open { failures: u32 },
    /// One message is delivered at `next`, as a probe.
    Paused { next: Instant, pause: Duration },
}

/// Stops delivering messages to the components after consecutive failures, and probes until one
/// succeeds.
pub(crate) struct FlowControl {
    state: Mutex<State>,
    /// Wakes the messages that wait when they may be delivered again.
    resumed: Notify,
}

impl FlowControl {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Open { failures: 0 }), resumed: Notify::new() }
    }

    /// Returns `Ok` if a message may be delivered now, else how long to wait before the next call.
    pub(crate) fn acquire(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        match *state {
            State::Open { .. } => Ok(()),
            State::Paused { next, pause } if now >= next => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                *state = State::Paused { next: now + pause, pause };
                Ok(())
            }
            State::Paused { next, .. } => Err(next - now),
        }
    }

    /// Returns as soon as a message that was delivered after this call did not fail.
    pub(crate) fn resumed(&self) -> Notified<'_> {
        self.resumed.notified()
    }

    /// Records whether the components failed on a message that was delivered.
    pub(crate) fn record(&self, failed: bool, now: Instant) {
        {
            let mut state = self.state();
            *state = match *state {
                _ if !failed => State::Open { failures: 0 },
                State::Open { failures } if failures + 1 >= MAX_FAILURES => {
                    State::Paused { next: now + FIRST_PAUSE, pause: FIRST_PAUSE }
                }
                State::Open { failures } => State::Open { failures: failures + 1 },
                paused @ State::Paused { .. } => paused,
            };
        }
        if !failed {
            self.resumed.notify_waiters();
        }
    }

    /// Returns whether messages are delivered without a pause.
    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.state(), State::Open { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pauses_after_consecutive_failures_and_sends_one_probe_at_a_time() {
        let (flow, start) = (FlowControl::new(), Instant::now());
        for _ in 0..3 {
            (0..MAX_FAILURES - 1).for_each(|_| flow.record(true, start));
            flow.record(false, start);
        }
        assert!(flow.is_open(), "the failures were not consecutive");
        (0..MAX_FAILURES).for_each(|_| flow.record(true, start));
        assert_eq!(flow.acquire(start), Err(FIRST_PAUSE));
        let later = start + FIRST_PAUSE;
        assert_eq!((flow.acquire(later), flow.acquire(later)), (Ok(()), Err(FIRST_PAUSE * 2)));
        flow.record(true, later);
        assert_eq!(flow.acquire(later), Err(FIRST_PAUSE * 2));
        flow.record(false, later);
        assert_eq!((flow.acquire(later), flow.acquire(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let flow = FlowControl::new();
        let mut now = Instant::now();
        (0..MAX_FAILURES).for_each(|_| flow.record(true, now));
        for _ in 0..10 {
            let pause = flow.acquire(now).expect_err("paused");
            assert!(pause <= LONGEST_PAUSE);
            now += pause;
            assert_eq!(flow.acquire(now), Ok(()));
            flow.record(true, now);
        }
    }
}
