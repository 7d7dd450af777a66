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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
