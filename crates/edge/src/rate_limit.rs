//! Rate limits: fixed windows, counted per caller in the shared cache.

use connectivity_domain::time::Timestamp;
use connectivity_runtime::settings::Reader;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// A number of calls in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The calls per window, at least 1.
    pub calls: u64,
    /// The length of the window.
    pub window: Duration,
}

/// The rate limit of one account, in place of the default (the claim `rate_limit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountRate {
    /// Its calls are not limited.
    Off,
    /// Its calls are limited to this rate.
    Limited(Rate),
}

impl AccountRate {
    /// Parses `off` or a rate.
    ///
    /// ```
    /// use connectivity_edge::rate_limit::AccountRate;
    ///
    /// assert_eq!(AccountRate::parse("off"), Some(AccountRate::Off));
    /// assert_eq!(AccountRate::parse(" 5 / hour").map(|rate| rate.to_string()), Some("5/hour".into()));
    /// assert_eq!(AccountRate::parse("none"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self::Off) } else { Rate::parse(text).map(Self::Limited) }
    }

    /// Returns the rate, or `None` if the calls are not limited.
    pub fn rate(self) -> Option<Rate> {
        match self {
            Self::Off => None,
            Self::Limited(rate) => Some(rate),
        }
    }
}

impl fmt::Display for AccountRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Limited(Rate { calls, window }) = self else { return formatter.write_str("off") };
        let unit = match window.as_secs() {
            1 => "second",
            60 => "minute",
            3_600 => "hour",
            _ => "day",
        };
        write!(formatter, "{calls}/{unit}")
    }
}

impl Rate {
    /// Parses `N/second`, `N/minute`, `N/hour` or `N/day`.
    ///
    /// ```
    /// use connectivity_edge::rate_limit::Rate;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Rate::parse("1000/hour"), Some(Rate { calls: 1000, window: Duration::from_secs(3600) }));
    /// assert_eq!(Rate::parse("0/hour"), None);
    /// ```
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

    /// Reads a rate from a setting. Any other text is noted as a problem.
    pub fn read(reader: &mut Reader, name: &str) -> Self {
        Self::parse(&reader.text(name)).unwrap_or_else(|| {
            reader.problem(name, "must look like 1000/hour (second, minute, hour or day)");
            Self { calls: 1, window: Duration::from_secs(1) }
        })
    }

    /// Returns the number of the window that `now` is in, and the time left in that window.
    pub fn window_at(self, now: Timestamp) -> (i64, Duration) {
        let length = i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX);
        let micros = now.as_micros();
        let left = length - micros.rem_euclid(length);
        (micros.div_euclid(length), Duration::from_micros(left.unsigned_abs()))
    }

    /// Returns the rate-limit status after `taken` calls, with `left` until the window ends.
    ///
    /// ```
    /// use connectivity_edge::rate_limit::Rate;
    /// use std::time::Duration;
    ///
    /// let status = Rate::parse("3/minute").unwrap().status(3, Duration::from_secs(20));
    /// assert!(status.is_within());
    /// assert_eq!(status.remaining(), 0);
    /// ```
    pub fn status(self, taken: u64, left: Duration) -> RateLimitStatus {
        RateLimitStatus { rate: self, taken, calls: 1, left }
    }
}

/// The calls of one caller in the current window, including those of the present request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    rate: Rate,
    taken: u64,
    /// How many of them are those of the present request.
    calls: u64,
    left: Duration,
}

impl RateLimitStatus {
    /// Returns the rate that limits the caller.
    pub fn rate(self) -> Rate {
        self.rate
    }

    /// Sets how many calls the present request is, if it is not one.
    #[must_use]
    pub fn of_calls(self, calls: u64) -> Self {
        Self { calls, ..self }
    }

    /// Returns how many calls the present request is.
    pub fn calls(self) -> u64 {
        self.calls
    }

    /// Returns whether the present request is within the limit. If not, its calls are not taken.
    pub fn is_within(self) -> bool {
        self.taken <= self.rate.calls
    }

    /// Returns how many more calls the window allows.
    ///
    /// ```
    /// use connectivity_edge::rate_limit::Rate;
    /// use std::time::Duration;
    ///
    /// let status = |taken| Rate::parse("10/minute").unwrap().status(taken, Duration::from_secs(20)).of_calls(5);
    /// assert_eq!((status(7).is_within(), status(7).remaining()), (true, 3));
    /// assert_eq!((status(12).is_within(), status(12).remaining()), (false, 3));
    /// ```
    pub fn remaining(self) -> u64 {
        let taken = if self.is_within() { self.taken } else { self.taken.saturating_sub(self.calls) };
        self.rate.calls.saturating_sub(taken)
    }

    /// Returns the time left in the window.
    pub fn left(self) -> Duration {
        self.left
    }
}

/// Returns the key under which the calls of an address are counted. It is the address itself for
/// IPv4, and the /64 network for IPv6, because a subscriber has a whole one.
///
/// ```
/// use connectivity_edge::rate_limit::rate_limit_key;
///
/// assert_eq!(rate_limit_key("192.0.2.1".parse().unwrap()), "192.0.2.1");
/// assert_eq!(rate_limit_key("2001:db8:1:2:aaaa::1".parse().unwrap()), "2001:db8:1:2::/64");
/// ```
pub fn rate_limit_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Returns the duration in whole seconds, rounded up.
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn rates_are_parsed_or_rejected() {
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
    fn window_ends_where_the_next_begins() {
        let rate = Rate { calls: 1, window: Duration::from_mins(1) };
        let second = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert_eq!(rate.window_at(second(119)), (1, Duration::from_secs(1)));
        assert_eq!(rate.window_at(second(120)), (2, Duration::from_mins(1)));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_key() {
        let key = |text: &str| rate_limit_key(text.parse().expect("an address"));
        assert_eq!(key("2001:db8:1:2:aaaa::1"), key("2001:db8:1:2:bbbb::2"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }

    proptest! {
        // The model has no numbered windows and no counters: it looks back at every call that was
        // made.
        #[test]
        fn each_window_allows_exactly_as_many_calls_as_the_rate_says(
            calls in 1_u64..6,
            window_seconds in prop::sample::select(vec![1_u64, 60, 3_600]),
            pauses in prop::collection::vec(0_u64..2_500_000_000, 0..60),
            begin in 0_i64..4_000_000_000_000_000,
        ) {
            let rate = Rate { calls, window: Duration::from_secs(window_seconds) };
            let length = i64::try_from(rate.window.as_micros()).expect("a short window");
            let (mut counters, mut made) = (HashMap::<i64, u64>::new(), Vec::<i64>::new());
            let mut at = begin;
            for pause in pauses {
                // Pauses scale with the window, so that some windows have several calls and some
                // none.
                at += i64::try_from(pause * window_seconds / 3_600).expect("a short pause");
                let (window, left) = rate.window_at(Timestamp::from_micros(at));
                let taken = counters.entry(window).or_default();
                *taken += 1;
                let status = rate.status(*taken, left);

                let start = at - at % length;
                let earlier = made.iter().filter(|call| **call >= start).count() as u64;
                prop_assert_eq!(status.is_within(), earlier < calls);
                prop_assert_eq!(status.remaining(), calls.saturating_sub(earlier + 1));
                prop_assert_eq!(i64::try_from(left.as_micros()).expect("short"), start + length - at);
                // A caller that waits as long as `Retry-After` says finds a new window.
                let back = Timestamp::from_micros(at).plus(Duration::from_secs(whole_seconds(left)));
                prop_assert!(rate.window_at(back).0 > window);
                made.push(at);
            }
        }
    }
}
