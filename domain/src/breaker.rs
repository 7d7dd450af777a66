//! A circuit breaker shared by many instances: all arithmetic, no I/O.
//!
//! The state is a short text that the instances exchange by compare-and-set. Closed, it counts tries in two adjoining
//! windows; too many failures among them open it; open, it refuses until a point in time; then one caller at a time
//! may probe, and what the probe finds closes it or opens it for longer. Every refusal has an end: nothing that an
//! instance does or fails to do (it may die as the prober) can keep the breaker open for ever.

use crate::time::Timestamp;
use std::time::Duration;

/// Under what name the cache holds the state of the breaker before the registry.
pub const BREAKER_KEY: &str = "connectivity:breaker:registry";

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Fewer tries than this say nothing.
    pub min_tries: u64,
    /// It opens when at least one in so many tries failed.
    pub one_in: u64,
    /// The length of one of the two windows.
    pub window: Duration,
    /// The first time it stays open; each time after that twice as long.
    pub open_for: Duration,
    /// The longest time it stays open.
    pub open_for_at_most: Duration,
    /// A prober that has not told its result after this long is taken for dead.
    pub probe_lease: Duration,
}

impl Policy {
    /// Ten tries within 5 to 10 s of which half failed: left alone for 2 s, growing to 30 s. A probe may take as long
    /// as the longest try that can be set.
    pub const DEFAULT: Self = Self {
        min_tries: 10,
        one_in: 2,
        window: Duration::from_secs(5),
        open_for: Duration::from_secs(2),
        open_for_at_most: Duration::from_secs(30),
        probe_lease: Duration::from_mins(1),
    };

    /// The longest that a caller can be refused.
    pub fn longest_refusal(&self) -> Duration {
        self.probe_lease.max(self.open_for).max(self.open_for_at_most)
    }
}

/// Tries and how they went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Tries that brought an answer.
    pub successes: u64,
    /// Tries that did not.
    pub failures: u64,
}

impl Batch {
    /// Counts one more.
    pub fn add(&mut self, success: bool) {
        if success {
            self.successes = self.successes.saturating_add(1);
        } else {
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            successes: self.successes.saturating_add(other.successes),
            failures: self.failures.saturating_add(other.failures),
        }
    }
}

/// The shared state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// The registry may be asked.
    Closed {
        /// When the present window began.
        since: Timestamp,
        /// What happened in it.
        current: Batch,
        /// What happened in the one before.
        previous: Batch,
    },
    /// The registry is left alone.
    Open {
        /// Until then.
        until: Timestamp,
        /// How often it opened in a row.
        times: u32,
    },
    /// One caller is finding out whether the registry is back.
    Probing {
        /// Until then it is waited for.
        until: Timestamp,
        /// How often the breaker opened in a row.
        times: u32,
    },
}

/// May the registry be asked?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go,
    /// Once, by whoever is first to replace the shared state by this one.
    Probe(BreakerState),
    /// No.
    Refuse {
        /// When to ask again.
        retry_after: Duration,
    },
}

impl Default for BreakerState {
    fn default() -> Self {
        Self::Closed { since: Timestamp::default(), current: Batch::default(), previous: Batch::default() }
    }
}

impl BreakerState {
    /// May the registry be asked now?
    ///
    /// An end further away than any refusal lasts was set by a clock that went wrong, or is garbage: nobody waits for
    /// it.
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

    /// The state after these tries. Only a closed breaker counts; what comes in late finds it open and changes nothing.
    ///
    /// Clocks of instances differ a little: a window that began just now elsewhere counts. One that begins further in
    /// the future than it lasts would never end, and is begun anew.
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

    /// The state after a probe.
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
            // Somebody else's probe has been heard already.
            Self::Open { .. } | Self::Closed { .. } => *self,
        }
    }

    /// The state as text.
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

    /// The state from text; what cannot be read is a closed breaker that has seen nothing.
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
