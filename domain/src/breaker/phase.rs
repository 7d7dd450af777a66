//! Whether a breaker is closed, open or half-open, for everybody or for one subject.

use super::Policy;
use super::tally::Subject;
use crate::time::Timestamp;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Calls are allowed.
    #[default]
    Closed,
    /// Calls are refused.
    Open {
        /// When the next caller may probe.
        until: Timestamp,
        /// How often the breaker opened without closing in between.
        times: u32,
        /// The subject whose probe failed last. The others may probe before this one.
        failed: Subject,
    },
    /// Half-open: one caller probes whether the registry answers again, all others are refused.
    Probing {
        /// When another caller may probe if this one has not reported its result.
        until: Timestamp,
        /// How often the breaker opened without closing in between.
        times: u32,
    },
}

pub(super) enum Step {
    Go,
    /// The call is a probe, and this is the phase while it runs.
    Probe(Phase),
    Refuse(Duration),
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The registry answered.
    Answered,
    /// The registry did not answer, or answered with an overload.
    Failed,
    /// The registry was not asked, so the result says nothing about it.
    NotAsked,
}

/// The state of a breaker as operators see it, from the least to the most serious.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Calls are allowed.
    #[default]
    Closed,
    /// The next call is a probe, or a probe is in progress.
    Probing,
    /// The calls of at least one subject are refused.
    Open,
}

impl Condition {
    /// Returns the name that health checks show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Probing => "probing",
            Self::Open => "open",
        }
    }
}

impl Phase {
    pub(super) fn open(now: Timestamp, policy: &Policy) -> Self {
        Self::Open { until: now.plus(policy.open_for), times: 1, failed: Subject::NONE }
    }

    pub(super) fn admit(self, subject: Subject, now: Timestamp, policy: &Policy) -> Step {
        let (until, times) = match self {
            Self::Closed => return Step::Go,
            Self::Open { until, times, failed } if failed == subject && subject != Subject::NONE => {
                (until.plus(open_for(times, policy)), times)
            }
            Self::Open { until, times, .. } | Self::Probing { until, times } => (until, times),
        };
        let left = until.since(now);
        if now < until && left <= policy.longest_refusal() {
            Step::Refuse(left)
        } else {
            Step::Probe(Self::Probing { until: now.plus(policy.probe_lease), times })
        }
    }

    /// Returns the phase after a probe of `subject`.
    pub(super) fn probe_finished(self, subject: Subject, result: ProbeResult, now: Timestamp, policy: &Policy) -> Self {
        match (self, result) {
            (Self::Probing { .. } | Self::Open { .. }, ProbeResult::Answered) => Self::Closed,
            (Self::Probing { times, .. }, ProbeResult::Failed) => {
                let times = times.saturating_add(1);
                Self::Open { until: now.plus(open_for(times, policy)), times, failed: subject }
            }
            // The next caller probes.
            (Self::Probing { times, .. }, ProbeResult::NotAsked) => {
                Self::Open { until: now, times, failed: Subject::NONE }
            }
            // Another instance has already reported the result of a probe.
            (Self::Open { .. }, ProbeResult::Failed | ProbeResult::NotAsked) | (Self::Closed, _) => self,
        }
    }

    pub(super) fn condition(self, now: Timestamp, policy: &Policy) -> Condition {
        match self.admit(Subject::NONE, now, policy) {
            Step::Go => Condition::Closed,
            Step::Probe(_) => Condition::Probing,
            Step::Refuse(_) => Condition::Open,
        }
    }

    /// Returns whether the phase has not been over for so long that its subject starts afresh.
    pub(super) fn matters(self, now: Timestamp, policy: &Policy) -> bool {
        match self {
            Self::Closed => false,
            Self::Open { until, .. } | Self::Probing { until, .. } => {
                until.since(now) <= policy.longest_refusal() && now.since(until) <= policy.longest_refusal()
            }
        }
    }
}

/// Returns how long a breaker stays open that has opened this often.
fn open_for(times: u32, policy: &Policy) -> Duration {
    policy.open_for.saturating_mul(1 << times.saturating_sub(1).min(16)).min(policy.open_for_at_most)
}
