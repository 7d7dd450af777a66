//! A circuit breaker shared by many instances: all arithmetic, no I/O.
//!
//! The state is a short text that the instances exchange by compare-and-set. Closed, it counts tries in two adjoining
//! windows; too many failures among them open it; open, it refuses until a point in time; then one caller at a time
//! may probe, and what the probe finds closes it or opens it for longer. Every refusal has an end: nothing that an
//! instance does or fails to do (it may die as the prober) can keep the breaker open for ever.

use crate::time::Timestamp;
use std::time::Duration;

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
        probe_lease: Duration::from_secs(60),
    };
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
    pub fn admit(&self, now: Timestamp, policy: &Policy) -> Admission {
        match *self {
            Self::Closed { .. } => Admission::Go,
            Self::Open { until, .. } | Self::Probing { until, .. } if now < until => {
                Admission::Refuse { retry_after: until.since(now) }
            }
            Self::Open { times, .. } | Self::Probing { times, .. } => {
                Admission::Probe(Self::Probing { until: now.plus(policy.probe_lease), times })
            }
        }
    }

    /// The state after these tries. Only a closed breaker counts; what comes in late finds it open and changes nothing.
    #[must_use]
    pub fn apply(&self, batch: &Batch, now: Timestamp, policy: &Policy) -> Self {
        let Self::Closed { since, current, previous } = *self else { return *self };
        let age = now.since(since);
        let (since, current, previous) = if age < policy.window {
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: Policy = Policy::DEFAULT;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_millis(milliseconds))
    }

    fn fed(successes: u64, failures: u64) -> BreakerState {
        BreakerState::default().apply(&Batch { successes, failures }, at(0), &POLICY)
    }

    #[test]
    fn it_opens_when_half_of_enough_tries_failed() {
        assert_eq!(fed(0, 9).admit(at(0), &POLICY), Admission::Go);
        assert_eq!(fed(11, 10).admit(at(0), &POLICY), Admission::Go);
        assert_eq!(fed(10, 10).admit(at(0), &POLICY), Admission::Refuse { retry_after: POLICY.open_for });
    }

    #[test]
    fn old_failures_are_forgotten() {
        let later = fed(0, 9).apply(&Batch { successes: 0, failures: 9 }, at(10_000), &POLICY);
        assert_eq!(later.admit(at(10_000), &POLICY), Admission::Go);
    }

    #[test]
    fn one_probes_and_its_finding_counts() {
        let open = fed(0, 10);
        let Admission::Probe(probing) = open.admit(at(2_000), &POLICY) else { panic!("no probe") };
        assert!(matches!(probing.admit(at(2_001), &POLICY), Admission::Refuse { .. }));
        assert_eq!(probing.probe_finished(true, at(2_100), &POLICY).admit(at(2_100), &POLICY), Admission::Go);
        let longer = probing.probe_finished(false, at(2_100), &POLICY);
        assert_eq!(longer.admit(at(2_100), &POLICY), Admission::Refuse { retry_after: POLICY.open_for * 2 });
        // The prober died: another may.
        assert!(matches!(probing.admit(at(62_000), &POLICY), Admission::Probe(_)));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Tries(u64, u64),
        Ask,
        Probed(bool),
    }

    fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
        let event = prop_oneof![
            (0_u64..30, 0_u64..30).prop_map(|(successes, failures)| Event::Tries(successes, failures)),
            Just(Event::Ask),
            any::<bool>().prop_map(Event::Probed),
        ];
        prop::collection::vec((0_u64..20_000, event), 0..100)
    }

    proptest! {
        #[test]
        fn no_refusal_lasts_for_ever_and_every_state_survives_its_text(events in events()) {
            let (mut state, mut now) = (BreakerState::default(), 0);
            for (pause, event) in events {
                now += pause;
                state = match event {
                    Event::Tries(successes, failures) => state.apply(&Batch { successes, failures }, at(now), &POLICY),
                    Event::Probed(success) => state.probe_finished(success, at(now), &POLICY),
                    Event::Ask => match state.admit(at(now), &POLICY) {
                        Admission::Probe(probing) => probing,
                        Admission::Go | Admission::Refuse { .. } => state,
                    },
                };
                prop_assert_eq!(BreakerState::decode(&state.encode()), state);
                if let Admission::Refuse { retry_after } = state.admit(at(now), &POLICY) {
                    prop_assert!(retry_after <= POLICY.probe_lease.max(POLICY.open_for_at_most));
                    let after = at(now).plus(retry_after);
                    prop_assert!(matches!(state.admit(after, &POLICY), Admission::Probe(_)));
                }
            }
        }

        #[test]
        fn successes_alone_never_open_it(batches in prop::collection::vec((0_u64..100_000, 0_u64..20_000), 0..100)) {
            let (mut state, mut now) = (BreakerState::default(), 0);
            for (successes, pause) in batches {
                now += pause;
                state = state.apply(&Batch { successes, failures: 0 }, at(now), &POLICY);
                prop_assert_eq!(state.admit(at(now), &POLICY), Admission::Go);
            }
        }

        #[test]
        fn any_text_is_read_as_some_state(text in ".{0,80}") {
            let state = BreakerState::decode(&text);
            prop_assert_eq!(BreakerState::decode(&state.encode()), state);
        }
    }
}
