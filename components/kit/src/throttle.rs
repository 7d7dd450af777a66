//! How often one caller may call: fixed windows, counted in the shared cache.

use connectivity_domain::time::Timestamp;
use std::time::Duration;

/// So many calls in a window of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per window, at least 1.
    pub calls: u64,
    /// The window's length.
    pub window: Duration,
}

impl Rate {
    /// Reads `N/second|minute|hour|day`.
    pub fn parse(text: &str) -> Option<Self> {
        let (calls, unit) = text.split_once('/')?;
        let seconds = match unit.trim() {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            _ => return None,
        };
        let calls = calls.trim().parse().ok().filter(|calls| *calls > 0)?;
        Some(Self { calls, window: Duration::from_secs(seconds) })
    }

    /// The number of the window that `now` is in, and how long that window still lasts.
    pub fn window_at(self, now: Timestamp) -> (i64, Duration) {
        let length = i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX);
        let micros = now.as_micros();
        let left = length - micros.rem_euclid(length);
        (micros.div_euclid(length), Duration::from_micros(left.unsigned_abs()))
    }

    /// The standing after so many calls in a window that lasts so much longer.
    pub fn standing(self, taken: u64, left: Duration) -> Standing {
        Standing { rate: self, taken, left }
    }
}

/// Where a caller stands in a window, its present call included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    rate: Rate,
    taken: u64,
    left: Duration,
}

impl Standing {
    /// The rule.
    pub fn rate(self) -> Rate {
        self.rate
    }

    /// May the call that was counted last go on?
    pub fn passes(self) -> bool {
        self.taken <= self.rate.calls
    }

    /// How many calls may still follow it in this window.
    pub fn remaining(self) -> u64 {
        self.rate.calls.saturating_sub(self.taken)
    }

    /// How long the window still lasts.
    pub fn left(self) -> Duration {
        self.left
    }
}

/// Whole seconds, rounded up: after so many the time has passed.
pub fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn rates_are_read_or_refused() {
        let rate = |calls, seconds| Some(Rate { calls, window: Duration::from_secs(seconds) });
        for (text, expected) in [
            ("1000/hour", rate(1000, 3600)),
            ("5/second", rate(5, 1)),
            (" 7 / day ", rate(7, 86_400)),
            ("0/hour", None),
            ("-1/hour", None),
            ("10", None),
            ("10/week", None),
            ("", None),
        ] {
            assert_eq!(Rate::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_window_ends_where_the_next_begins() {
        let rate = Rate { calls: 1, window: Duration::from_mins(1) };
        let second = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert_eq!(rate.window_at(second(119)), (1, Duration::from_secs(1)));
        assert_eq!(rate.window_at(second(120)), (2, Duration::from_mins(1)));
    }

    proptest! {
        /// The model has no windows by number and no counters: it looks back at every call that was made.
        #[test]
        fn as_many_calls_pass_in_a_window_as_the_rate_says_and_the_answers_are_true(
            calls in 1_u64..6,
            seconds_long in prop::sample::select(vec![1_u64, 60, 3_600]),
            pauses in prop::collection::vec(0_u64..2_500_000_000, 0..60),
            begin in 0_i64..4_000_000_000_000_000,
        ) {
            let rate = Rate { calls, window: Duration::from_secs(seconds_long) };
            let length = i64::try_from(rate.window.as_micros()).expect("a short window");
            let (mut counters, mut made) = (HashMap::<i64, u64>::new(), Vec::<i64>::new());
            let mut at = begin;
            for pause in pauses {
                // Pauses fit the window: several calls in one, and windows without any.
                at += i64::try_from(pause * seconds_long / 3_600).expect("a short pause");
                let (window, left) = rate.window_at(Timestamp::from_micros(at));
                let taken = counters.entry(window).or_default();
                *taken += 1;
                let standing = rate.standing(*taken, left);

                let start = at - at % length;
                let earlier = made.iter().filter(|call| **call >= start).count() as u64;
                prop_assert_eq!(standing.passes(), earlier < calls);
                prop_assert_eq!(standing.remaining(), calls.saturating_sub(earlier + 1));
                prop_assert_eq!(i64::try_from(left.as_micros()).expect("short"), start + length - at);
                // Who comes back when it was told to finds a new window.
                let back = Timestamp::from_micros(at).plus(Duration::from_secs(seconds(left)));
                prop_assert!(rate.window_at(back).0 > window);
                made.push(at);
            }
        }
    }
}
