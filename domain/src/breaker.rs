//! A circuit breaker whose state many instances share. This module is arithmetic only; the caller
//! does the I/O.
//!
//! The state is a short text that the instances replace by compare-and-set. A closed breaker counts
//! calls in two consecutive windows, and opens if too many of them failed. An open breaker refuses
//! calls for a limited time. After that, one caller at a time may probe the registry: a success
//! closes the breaker, a failure opens it for longer. Every refusal ends by itself, even if the
//! probing instance is killed.
//!
//! ```
//! use connectivity_domain::breaker::{Admission, Batch, BreakerState, Policy};
//! use connectivity_domain::time::Timestamp;
//! use std::time::Duration;
//!
//! let (policy, now) = (Policy::DEFAULT, Timestamp::from_micros(1_800_000_000_000_000));
//! let closed = BreakerState::default();
//! assert_eq!(closed.admit(now, &policy), Admission::Go);
//!
//! let open = closed.apply(&Batch { successes: 0, failures: 10 }, now, &policy);
//! assert_eq!(open.admit(now, &policy), Admission::Refuse { retry_after: Duration::from_secs(2) });
//!
//! let later = now.plus(Duration::from_secs(2));
//! let Admission::Probe(half_open) = open.admit(later, &policy) else { panic!("one caller may probe") };
//! let closed = half_open.probe_finished(true, later, &policy);
//! assert_eq!(closed.admit(later, &policy), Admission::Go);
//! ```

use crate::time::Timestamp;
use std::time::Duration;

/// Returns the cache key of the state of the breaker for a registry plugin.
pub fn cache_key(plugin: &str) -> String {
    format!("connectivity:breaker:{plugin}")
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The least number of calls in the two windows on which the breaker opens.
    pub min_tries: u64,
    /// The breaker opens if at least one in `one_in` calls failed.
    pub one_in: u64,
    /// The length of each of the two windows.
    pub window: Duration,
    /// How long the breaker stays open at first. After each failed probe it stays open twice as
    /// long.
    pub open_for: Duration,
    /// The longest time that the breaker stays open.
    pub open_for_at_most: Duration,
    /// How long a caller that probes has to report the result, before another caller may probe.
    pub probe_lease: Duration,
}

impl Policy {
    /// Opens if half of at least ten calls within 5 to 10 s failed, first for 2 s and at most for
    /// 30 s. The probe lease is the longest timeout of a call that can be configured.
    pub const DEFAULT: Self = Self {
        min_tries: 10,
        one_in: 2,
        window: Duration::from_secs(5),
        open_for: Duration::from_secs(2),
        open_for_at_most: Duration::from_secs(30),
        probe_lease: Duration::from_mins(1),
    };

    /// Returns the longest time for which a caller can be refused.
    pub fn longest_refusal(&self) -> Duration {
        self.probe_lease.max(self.open_for).max(self.open_for_at_most)
    }
}

/// Counts of successful and failed calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Calls that the registry answered.
    pub successes: u64,
    /// Calls that the registry did not answer, or answered with an overload.
    pub failures: u64,
}

impl Batch {
    /// Returns the sum of two counts, at most `u64::MAX` each.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            successes: self.successes.saturating_add(other.successes),
            failures: self.failures.saturating_add(other.failures),
        }
    }
}

/// The state that the instances share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are allowed and counted.
    Closed {
        /// When the current window started.
        since: Timestamp,
        /// The calls in the current window.
        current: Batch,
        /// The calls in the window before the current one.
        previous: Batch,
    },
    /// Calls are refused.
    Open {
        /// When the next caller may probe.
        until: Timestamp,
        /// How often the breaker opened without closing in between.
        times: u32,
    },
    /// Half-open: one caller probes whether the registry answers again, all others are refused.
    Probing {
        /// When another caller may probe if this one has not reported its result.
        until: Timestamp,
        /// How often the breaker opened without closing in between.
        times: u32,
    },
}

/// Whether a call to the registry is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The call is allowed.
    Go,
    /// The call is allowed as a probe, if the caller succeeds in replacing the shared state by this
    /// one.
    Probe(BreakerState),
    /// The call is refused.
    Refuse {
        /// When the next call may be allowed.
        retry_after: Duration,
    },
}

impl Default for BreakerState {
    fn default() -> Self {
        Self::Closed { since: Timestamp::default(), current: Batch::default(), previous: Batch::default() }
    }
}

impl BreakerState {
    /// Returns whether a call at `now` is allowed.
    ///
    /// An end that is further away than [`Policy::longest_refusal`] was written by an instance with
    /// a wrong clock, or is not a state of this program. It is ignored.
    pub fn admit(&self, now: Timestamp, policy: &Policy) -> Admission {
        match *self {
            Self::Closed { .. } => Admission::Go,
            Self::Open { until, .. } | Self::Probing { until, .. }
                if now < until && until.since(now) <= policy.longest_refusal() =>
            {
                Admission::Refuse { retry_after: until.since(now) }
            }
            Self::Open { times, .. } | Self::Probing { times, .. } => {
                Admission::Probe(Self::Probing { until: now.plus(policy.probe_lease), times })
            }
        }
    }

    /// Returns the state after these calls. A state other than closed stays as it is.
    ///
    /// The clocks of instances differ a little, so the window may start slightly in the future. A
    /// window that starts more than its length in the future is replaced by a new one, because it
    /// would not end.
    #[must_use]
    pub fn apply(&self, batch: &Batch, now: Timestamp, policy: &Policy) -> Self {
        let Self::Closed { since, current, previous } = *self else { return *self };
        let age = now.since(since);
        let is_in_future = since.since(now) > policy.window;
        let (since, current, previous) = if is_in_future {
            (now, Batch::default(), Batch::default())
        } else if age < policy.window {
            (since, current, previous)
        } else if age < policy.window * 2 {
            (since.plus(policy.window), Batch::default(), current)
        } else {
            (now, Batch::default(), Batch::default())
        };
        let current = current.plus(*batch);
        let all = current.plus(previous);
        let tries = all.successes.saturating_add(all.failures);
        if batch.failures > 0 && tries >= policy.min_tries && all.failures.saturating_mul(policy.one_in) >= tries {
            return Self::Open { until: now.plus(policy.open_for), times: 1 };
        }
        Self::Closed { since, current, previous }
    }

    /// Returns the state after a probe that succeeded or failed.
    #[must_use]
    pub fn probe_finished(&self, success: bool, now: Timestamp, policy: &Policy) -> Self {
        match *self {
            Self::Probing { .. } | Self::Open { .. } if success => {
                Self::Closed { since: now, current: Batch::default(), previous: Batch::default() }
            }
            Self::Probing { times, .. } => {
                let open_for = policy.open_for.saturating_mul(1 << times.min(16)).min(policy.open_for_at_most);
                Self::Open { until: now.plus(open_for), times: times.saturating_add(1) }
            }
            // Another instance has already reported the result of a probe.
            Self::Open { .. } | Self::Closed { .. } => *self,
        }
    }

    /// Formats the state as text.
    pub fn encode(&self) -> String {
        match self {
            Self::Closed { since, current, previous } => format!(
                "closed {} {} {} {} {}",
                since.as_micros(),
                current.successes,
                current.failures,
                previous.successes,
                previous.failures
            ),
            Self::Open { until, times } => format!("open {} {times}", until.as_micros()),
            Self::Probing { until, times } => format!("probing {} {times}", until.as_micros()),
        }
    }

    /// Parses a state. Returns a closed breaker without any calls if the text is malformed.
    pub fn decode(text: &str) -> Self {
        Self::read(text).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let time = |word: &str| word.parse().ok().map(Timestamp::from_micros);
        let batch = |successes: &str, failures: &str| {
            Some(Batch { successes: successes.parse().ok()?, failures: failures.parse().ok()? })
        };
        Some(match words[..] {
            ["closed", since, successes, failures, successes_before, failures_before] => Self::Closed {
                since: time(since)?,
                current: batch(successes, failures)?,
                previous: batch(successes_before, failures_before)?,
            },
            ["open", until, times] => Self::Open { until: time(until)?, times: times.parse().ok()? },
            ["probing", until, times] => Self::Probing { until: time(until)?, times: times.parse().ok()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
