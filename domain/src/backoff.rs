//! Pauses between attempts: exponential backoff with jitter.

use std::time::Duration;

/// Pauses that double with each attempt. Each pause is drawn from the upper half of its range, so
/// that callers do not retry at the same time.
///
/// ```
/// use connectivity_domain::backoff::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };
/// // 64 random bits choose between 200 and 400 milliseconds after the third attempt.
/// assert_eq!(backoff.delay(3, 0, None), Duration::from_millis(200));
/// // The server asked for a longer pause.
/// assert_eq!(backoff.delay(3, 0, Some(Duration::from_secs(7))), Duration::from_secs(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest pause after the first attempt.
    pub base: Duration,
    /// The longest pause after any attempt.
    pub cap: Duration,
}

impl Backoff {
    /// Returns the pause after an attempt. Attempts are counted from 1.
    ///
    /// With `full = min(base * 2^(attempt - 1), cap)`, the pause is between `full / 2` and `full`,
    /// chosen by 64 random bits. If the server asked for a longer pause (`Retry-After`, RFC 9110
    /// section 10.2.3), the result is that pause. A shorter `Retry-After`, such as 0, does not
    /// shorten the pause.
    pub fn delay(self, attempt: u32, random: u64, retry_after: Option<Duration>) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let full = self.base.saturating_mul(1 << doublings).min(self.cap);
        let half = full / 2;
        let spread = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        let own = half + Duration::from_nanos(random.checked_rem(spread.saturating_add(1)).unwrap_or(0));
        retry_after.map_or(own, |asked| asked.max(own))
    }
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait for this long, then try again.
    Retry(Duration),
    /// Do not try again.
    GiveUp,
}

/// Decides what to do after failed attempt number `attempt` of at most `attempts`.
///
/// `elapsed` is the time since the start of the call, `deadline` the time that the call may take,
/// and `delay` the pause before the next attempt. If the pause would not end before the deadline,
/// the result is [`Step::GiveUp`].
pub fn next_step(attempt: u32, attempts: u32, elapsed: Duration, deadline: Duration, delay: Duration) -> Step {
    if attempt < attempts && elapsed.saturating_add(delay) < deadline { Step::Retry(delay) } else { Step::GiveUp }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

    #[test]
    fn retry_after_is_respected_within_the_deadline() {
        let asked = Duration::from_secs(7);
        assert_eq!(BACKOFF.delay(2, 0, Some(Duration::ZERO)), Duration::from_millis(100));
        assert_eq!(BACKOFF.delay(1, 0, Some(asked)), asked);
        let step =
            |elapsed, deadline| next_step(1, 3, Duration::from_secs(elapsed), Duration::from_secs(deadline), asked);
        assert_eq!(step(1, 9), Step::Retry(asked));
        assert_eq!(step(2, 9), Step::GiveUp);
        assert_eq!(next_step(3, 3, Duration::ZERO, Duration::from_secs(9), Duration::ZERO), Step::GiveUp);
    }

    proptest! {
        #[test]
        fn pause_is_the_longer_of_own_and_requested(
            attempt in 1_u32..1_000, random: u64, seconds in 0_u64..100,
        ) {
            let asked = Duration::from_secs(seconds);
            let own = BACKOFF.delay(attempt, random, None);
            prop_assert_eq!(BACKOFF.delay(attempt, random, Some(asked)), asked.max(own));
        }

        #[test]
        fn attempts_and_pauses_stay_within_their_bounds(
            attempts in 0_u32..20, deadline in 0_u64..60_000, took in 0_u64..5_000, random: u64, asked: Option<u32>,
        ) {
            let deadline = Duration::from_millis(deadline);
            let (mut elapsed, mut attempt) = (Duration::ZERO, 1);
            loop {
                elapsed += Duration::from_millis(took);
                let asked = asked.map(|seconds| Duration::from_secs(seconds.into()));
                match next_step(attempt, attempts, elapsed, deadline, BACKOFF.delay(attempt, random, asked)) {
                    Step::GiveUp => break,
                    Step::Retry(pause) => elapsed += pause,
                }
                prop_assert!(elapsed < deadline);
                attempt += 1;
            }
            prop_assert!(attempt <= attempts.max(1));
        }

        #[test]
        fn pauses_grow_to_the_cap_and_stay_in_the_upper_half(attempt in 1_u32..1_000, random: u64) {
            let delay = BACKOFF.delay(attempt, random, None);
            let full = BACKOFF.base.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(BACKOFF.cap);
            prop_assert!(full / 2 <= delay && delay <= full, "{delay:?} of {full:?}");
        }
    }
}
