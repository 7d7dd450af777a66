//! A circuit breaker whose state many instances share. This module is arithmetic only; the caller
//! does the I/O.
//!
//! The state is a short text that the instances replace by compare-and-set. A closed breaker counts
//! calls in two consecutive windows, and opens if too many of them failed. An open breaker refuses
//! calls for a limited time. After that, one caller at a time may probe the registry: a success
//! closes the breaker, a failure opens it for longer. Every refusal ends by itself, even if the
//! probing instance is killed.
//!
//! Some questions fail although the registry works, and a caller can ask them on purpose. So
//! failures are counted per subject, and those about one id in a window count once: failures of one
//! id never open the breaker, and those of one subject open it for this subject only. It opens for
//! everybody if the calls of other subjects fail too. A subject whose probe failed lets the other
//! subjects probe first.
//!
//! ```
//! use connectivity_domain::breaker::{Admission, BreakerState, Failure, Policy, ProbeResult};
//! use connectivity_domain::time::Timestamp;
//! use std::time::Duration;
//!
//! let (policy, now) = (Policy::DEFAULT, Timestamp::from_micros(1_800_000_000_000_000));
//! let mut state = BreakerState::default();
//! assert_eq!(state.admit("operator", now, &policy), Admission::Go);
//!
//! for id in ["1000001", "1000002", "1000003", "1000004"] {
//!     state = state.apply(0, Some(Failure::new("operator", id, 3)), now, &policy);
//! }
//! assert_eq!(state.admit("operator", now, &policy), Admission::Refuse { retry_after: Duration::from_secs(2) });
//! assert_eq!(state.admit("other", now, &policy), Admission::Go);
//!
//! let later = now.plus(Duration::from_secs(2));
//! let Admission::Probe(half_open) = state.admit("operator", later, &policy) else { panic!("a probe") };
//! let closed = half_open.probe_finished("operator", ProbeResult::Answered, later, &policy);
//! assert_eq!(closed.admit("operator", later, &policy), Admission::Go);
//! ```

mod phase;
mod tally;
mod text;

pub use phase::{Condition, ProbeResult};
pub use tally::Failure;

use crate::time::Timestamp;
use phase::{Phase, Step};
use std::time::Duration;
use tally::{MAX_SUBJECTS, Subject, Tally, Trip};

/// Returns the cache key of the state of the breaker for a registry plugin.
pub fn cache_key(plugin: &str) -> String {
    format!("connectivity:breaker:2:{plugin}")
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The least number of calls in the two windows on which the breaker opens.
    pub min_tries: u64,
    /// The breaker opens if at least one in `one_in` calls failed.
    pub one_in: u64,
    /// The least number of ids whose calls failed on which the breaker opens.
    pub min_ids: u32,
    /// How many of these ids subjects other than the one with the most failures must have asked
    /// about, so that the breaker opens for everybody.
    pub min_ids_of_others: u32,
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
    /// Opens if half of at least ten calls within 5 to 10 s failed, first for 2 s and then for 4 s, so
    /// that calls succeed within 10 s after an outage even of the only subject. Four ids are as many calls as it takes to reach ten attempts with the default of three
    /// attempts per call. The probe lease is the longest timeout of a call that can be configured.
    pub const DEFAULT: Self = Self {
        min_tries: 10,
        one_in: 2,
        min_ids: 4,
        min_ids_of_others: 2,
        window: Duration::from_secs(5),
        open_for: Duration::from_secs(2),
        open_for_at_most: Duration::from_secs(4),
        probe_lease: Duration::from_mins(1),
    };

    /// Returns the longest time for which a caller can be refused.
    pub fn longest_refusal(&self) -> Duration {
        self.probe_lease.max(self.open_for).max(self.open_for_at_most.saturating_mul(2))
    }
}

/// The state that the instances share. It names neither a subject nor an id, but short digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BreakerState {
    everybody: Phase,
    /// When the current window started.
    since: Timestamp,
    current: Tally,
    previous: Tally,
    /// The subjects whose own breaker is not closed.
    subjects: Vec<(Subject, Phase)>,
}

/// Whether a call to the registry is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl BreakerState {
    /// Returns whether a call of this subject at `now` is allowed.
    ///
    /// An end that is further away than [`Policy::longest_refusal`] was written by an instance with
    /// a wrong clock, or is not a state of this program. It is ignored.
    pub fn admit(&self, subject: &str, now: Timestamp, policy: &Policy) -> Admission {
        let subject = Subject::new(subject);
        match self.everybody.admit(subject, now, policy) {
            Step::Go => {}
            Step::Refuse(retry_after) => return Admission::Refuse { retry_after },
            Step::Probe(phase) => return Admission::Probe(Self { everybody: phase, ..self.clone() }),
        }
        match self.phase_of(subject).admit(subject, now, policy) {
            Step::Go => Admission::Go,
            Step::Refuse(retry_after) => Admission::Refuse { retry_after },
            Step::Probe(phase) => Admission::Probe(self.clone().with(subject, phase)),
        }
    }

    /// Returns the state after this many calls that the registry answered, and one that it did not
    /// answer. While the breaker is open for everybody, the state stays as it is.
    ///
    /// The clocks of instances differ a little, so the window may start slightly in the future. A
    /// window that starts more than its length in the future is replaced by a new one, because it
    /// would not end.
    #[must_use]
    pub fn apply(&self, successes: u64, failure: Option<Failure>, now: Timestamp, policy: &Policy) -> Self {
        if self.everybody != Phase::Closed {
            return self.clone();
        }
        let mut next = self.at(now, policy);
        next.current.add_successes(successes);
        let Some(failure) = failure else { return next };
        next.current.add(failure);
        let subject = failure.subject;
        match next.current.plus(&next.previous).trip(subject, policy) {
            Trip::Nobody => next,
            Trip::Everybody => Self::open(now, policy),
            Trip::Subject if next.phase_of(subject) != Phase::Closed => next,
            Trip::Subject if next.refuses_another(subject, now, policy) => Self::open(now, policy),
            Trip::Subject => next.with(subject, Phase::open(now, policy)),
        }
    }

    /// Returns the state after a probe of this subject.
    #[must_use]
    pub fn probe_finished(&self, subject: &str, result: ProbeResult, now: Timestamp, policy: &Policy) -> Self {
        let subject = Subject::new(subject);
        if self.everybody != Phase::Closed {
            let everybody = self.everybody.probe_finished(subject, result, now, policy);
            let is_closed = everybody == Phase::Closed;
            return if is_closed { Self { since: now, ..Self::default() } } else { Self { everybody, ..self.clone() } };
        }
        let before = self.phase_of(subject);
        let phase = before.probe_finished(Subject::NONE, result, now, policy);
        let mut next = self.clone().with(subject, phase);
        if phase == Phase::Closed && before != phase {
            next.current.forget(subject);
            next.previous.forget(subject);
        }
        next
    }

    /// Returns what an operator should know about the breaker: its worst phase for any subject.
    pub fn condition(&self, now: Timestamp, policy: &Policy) -> Condition {
        let subjects = self.subjects.iter().map(|(_, phase)| phase.condition(now, policy));
        subjects.fold(self.everybody.condition(now, policy), Ord::max)
    }

    fn open(now: Timestamp, policy: &Policy) -> Self {
        Self { everybody: Phase::open(now, policy), since: now, ..Self::default() }
    }

    /// Returns the state with the windows and the subjects that still count at `now`.
    fn at(&self, now: Timestamp, policy: &Policy) -> Self {
        let age = now.since(self.since);
        let is_in_future = self.since.since(now) > policy.window;
        let (since, current, previous) = if is_in_future || age >= policy.window * 2 {
            (now, Tally::default(), Tally::default())
        } else if age < policy.window {
            (self.since, self.current.clone(), self.previous.clone())
        } else {
            (self.since.plus(policy.window), Tally::default(), self.current.clone())
        };
        let mut subjects = self.subjects.clone();
        subjects.retain(|(_, phase)| phase.matters(now, policy));
        Self { everybody: self.everybody, since, current, previous, subjects }
    }

    fn phase_of(&self, subject: Subject) -> Phase {
        self.subjects.iter().find(|(own, _)| *own == subject).map_or(Phase::Closed, |(_, phase)| *phase)
    }

    /// Returns whether the breaker refuses the calls of a subject other than this one.
    fn refuses_another(&self, subject: Subject, now: Timestamp, policy: &Policy) -> bool {
        let mut others = self.subjects.iter().filter(|(own, _)| *own != subject);
        others.any(|(own, phase)| matches!(phase.admit(*own, now, policy), Step::Refuse(_)))
    }

    /// Sets the phase of a subject. The first of too many subjects is dropped.
    fn with(mut self, subject: Subject, phase: Phase) -> Self {
        self.subjects.retain(|(own, _)| *own != subject);
        if phase != Phase::Closed {
            if self.subjects.len() >= MAX_SUBJECTS {
                self.subjects.remove(0);
            }
            self.subjects.push((subject, phase));
        }
        self
    }
}

#[cfg(test)]
mod tests;
