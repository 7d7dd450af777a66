//! Pauses the whole flow while the components are in trouble, instead of sending every message round.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many troubles in a row close it.
const TROUBLES: u32 = 5;
/// The first pause.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause: a service that is back is noticed within this time.
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Everything passes.
    Open { troubles: u32 },
    /// One passes at `next`, to see.
    Closed { next: Instant, pause: Duration },
}

/// The valve.
pub(crate) struct Valve(Mutex<State>);

impl Valve {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State::Open { troubles: 0 }))
    }

    /// May this one pass now? If not, how long it should wait before it asks again.
    pub(crate) fn pass(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        match *state {
            State::Open { .. } => Ok(()),
            State::Closed { next, pause } if now >= next => {
                let pause = (pause * 2).min(LONGEST);
                *state = State::Closed { next: now + pause, pause };
                Ok(())
            }
            State::Closed { next, .. } => Err(next - now),
        }
    }

    /// What came of one that passed.
    pub(crate) fn report(&self, trouble: bool, now: Instant) {
        let mut state = self.state();
        *state = match *state {
            _ if !trouble => State::Open { troubles: 0 },
            State::Open { troubles } if troubles + 1 >= TROUBLES => State::Closed { next: now + FIRST, pause: FIRST },
            State::Open { troubles } => State::Open { troubles: troubles + 1 },
            closed @ State::Closed { .. } => closed,
        };
    }

    /// Does everything pass?
    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.state(), State::Open { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_after_troubles_in_a_row_and_lets_one_through_at_a_time() {
        let (valve, start) = (Valve::new(), Instant::now());
        for _ in 0..3 {
            (0..TROUBLES - 1).for_each(|_| valve.report(true, start));
            valve.report(false, start);
        }
        assert!(valve.is_open(), "never so many in a row");
        (0..TROUBLES).for_each(|_| valve.report(true, start));
        assert_eq!(valve.pass(start), Err(FIRST));
        let later = start + FIRST;
        assert_eq!((valve.pass(later), valve.pass(later)), (Ok(()), Err(FIRST * 2)));
        valve.report(true, later);
        assert_eq!(valve.pass(later), Err(FIRST * 2));
        valve.report(false, later);
        assert_eq!((valve.pass(later), valve.pass(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let valve = Valve::new();
        let mut now = Instant::now();
        (0..TROUBLES).for_each(|_| valve.report(true, now));
        for _ in 0..10 {
            let pause = valve.pass(now).expect_err("closed");
            assert!(pause <= LONGEST);
            now += pause;
            assert_eq!(valve.pass(now), Ok(()));
            valve.report(true, now);
        }
    }
}
