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
fn breaker_opens_when_half_of_enough_calls_failed() {
    assert_eq!(fed(0, 9).admit(at(0), &POLICY), Admission::Go);
    assert_eq!(fed(11, 10).admit(at(0), &POLICY), Admission::Go);
    assert_eq!(fed(10, 10).admit(at(0), &POLICY), Admission::Refuse { retry_after: POLICY.open_for });
}

#[test]
fn failures_before_the_two_windows_do_not_count() {
    let later = fed(0, 9).apply(&Batch { successes: 0, failures: 9 }, at(10_000), &POLICY);
    assert_eq!(later.admit(at(10_000), &POLICY), Admission::Go);
}

/// The state after a closed breaker whose window started at 0 has applied `batch` after `age`.
fn check_window(previous: Batch, age: u64, expected: (u64, Batch)) {
    let batch = Batch { successes: 1, failures: 0 };
    let state = BreakerState::Closed { since: at(0), current: previous, previous: Batch::default() };
    let (since, previous) = expected;
    let current = if since == 0 { previous.plus(batch) } else { batch };
    let previous = if since == 0 { Batch::default() } else { previous };
    let expected = BreakerState::Closed { since: at(since), current, previous };
    assert_eq!(state.apply(&batch, at(age), &POLICY), expected, "after {age} ms");
}

#[test]
fn windows_follow_each_other() {
    let (calls, none) = (Batch { successes: 3, failures: 2 }, Batch::default());
    check_window(calls, 0, (0, calls));
    check_window(calls, 4_999, (0, calls));
    check_window(calls, 5_000, (5_000, calls));
    check_window(calls, 9_999, (5_000, calls));
    check_window(calls, 10_000, (10_000, none));
    check_window(calls, 20_000, (20_000, none));
}

#[test]
fn window_may_start_in_the_future_by_its_length() {
    let calls = Batch { successes: 3, failures: 2 };
    let after = |milliseconds| {
        let state = BreakerState::Closed { since: at(milliseconds), current: calls, previous: calls };
        state.apply(&Batch::default(), at(0), &POLICY)
    };
    assert_eq!(after(5_000), BreakerState::Closed { since: at(5_000), current: calls, previous: calls });
    let none = Batch::default();
    assert_eq!(after(5_001), BreakerState::Closed { since: at(0), current: none, previous: none });
}

#[test]
fn counts_are_added_up_to_their_maximum() {
    let sum = Batch { successes: 3, failures: u64::MAX }.plus(Batch { successes: 1, failures: 1 });
    assert_eq!(sum, Batch { successes: 4, failures: u64::MAX });
}

#[test]
fn success_does_not_open_the_breaker_after_earlier_failures() {
    let state = fed(0, 9).apply(&Batch { successes: 1, failures: 0 }, at(0), &POLICY);
    assert_eq!(state.admit(at(0), &POLICY), Admission::Go);
    let state = state.apply(&Batch { successes: 0, failures: 1 }, at(0), &POLICY);
    assert!(matches!(state.admit(at(0), &POLICY), Admission::Refuse { .. }));
}

#[test]
fn one_caller_probes_and_its_result_decides() {
    let open = fed(0, 10);
    let Admission::Probe(probing) = open.admit(at(2_000), &POLICY) else { panic!("no probe") };
    assert!(matches!(probing.admit(at(2_001), &POLICY), Admission::Refuse { .. }));
    assert_eq!(probing.probe_finished(true, at(2_100), &POLICY).admit(at(2_100), &POLICY), Admission::Go);
    let longer = probing.probe_finished(false, at(2_100), &POLICY);
    assert_eq!(longer.admit(at(2_100), &POLICY), Admission::Refuse { retry_after: POLICY.open_for * 2 });
    // The probing caller did not report within its lease, so another may probe.
    assert!(matches!(probing.admit(at(62_000), &POLICY), Admission::Probe(_)));
}

#[test]
fn each_failed_probe_doubles_the_open_time_up_to_the_limit() {
    let mut state = fed(0, 10);
    let mut now = 0;
    for seconds in [2, 4, 8, 16, 30, 30, 30] {
        let Admission::Refuse { retry_after } = state.admit(at(now), &POLICY) else { panic!("open") };
        assert_eq!(retry_after, Duration::from_secs(seconds));
        now += seconds * 1_000;
        let Admission::Probe(probing) = state.admit(at(now), &POLICY) else { panic!("no probe") };
        state = probing.probe_finished(false, at(now), &POLICY);
    }
}

#[test]
fn states_of_wrong_clocks_are_ignored() {
    let lost = BreakerState::decode("open 9000000000000000000 1");
    assert!(matches!(lost.admit(at(0), &POLICY), Admission::Probe(_)));
    let window = BreakerState::decode("closed 9000000000000000000 1000000 0 0 0");
    let opened = window.apply(&Batch { successes: 0, failures: 10 }, at(0), &POLICY);
    assert!(matches!(opened, BreakerState::Open { .. }), "{opened:?}");
    // A window that starts a little in the future counts.
    let ahead = BreakerState::default().apply(&Batch { successes: 0, failures: 9 }, at(1_000), &POLICY);
    assert!(matches!(ahead.apply(&Batch { successes: 0, failures: 1 }, at(0), &POLICY), BreakerState::Open { .. }));
}

#[test]
fn malformed_text_is_a_closed_breaker() {
    for text in [
        "",
        "open",
        "open x 1",
        "open 1 -1",
        "open 1 1 1",
        "closed 1 2 3 4",
        "closed 1 -2 3 4 5",
        "half 1 1",
        "OPEN 1 1",
    ] {
        assert_eq!(BreakerState::decode(text), BreakerState::default(), "{text}");
    }
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
    fn refusals_end_and_every_state_is_parsed_from_its_text(events in events()) {
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
                prop_assert!(retry_after <= POLICY.longest_refusal());
                let after = at(now).plus(retry_after);
                prop_assert!(matches!(state.admit(after, &POLICY), Admission::Probe(_)));
            }
        }
    }

    #[test]
    fn refusals_end_for_any_shared_text(
        kind in prop_oneof![Just("open"), Just("probing")],
        until: i64,
        times: u32,
        now in 0_i64..4_000_000_000_000_000,
    ) {
        let (state, now) = (BreakerState::decode(&format!("{kind} {until} {times}")), Timestamp::from_micros(now));
        prop_assert_ne!(state, BreakerState::default());
        if let Admission::Refuse { retry_after } = state.admit(now, &POLICY) {
            prop_assert!(retry_after <= POLICY.longest_refusal());
            prop_assert!(matches!(state.admit(now.plus(retry_after), &POLICY), Admission::Probe(_)));
        }
        // A failed probe opens the breaker for a bounded time, whatever `times` is.
        if let Admission::Probe(probing) = state.admit(now, &POLICY) {
            let Admission::Refuse { retry_after } = probing.probe_finished(false, now, &POLICY).admit(now, &POLICY) else {
                return Err(TestCaseError::fail("a failed probe opens the breaker"));
            };
            prop_assert!(retry_after <= POLICY.open_for_at_most);
        }
    }

    #[test]
    fn one_caller_probes_per_lease(pauses in prop::collection::vec(0_u64..3_000, 1..200)) {
        // Callers come one after another and share the state; no probing caller reports a result.
        let (mut state, mut now) = (fed(0, 10), 0);
        let mut probes = Vec::new();
        for pause in pauses {
            now += pause;
            if let Admission::Probe(probing) = state.admit(at(now), &POLICY) {
                probes.push(at(now));
                state = probing;
            }
        }
        prop_assert!(probes.windows(2).all(|pair| pair[1].since(pair[0]) >= POLICY.probe_lease));
        prop_assert!(now < 2_000 || !probes.is_empty());
    }

    #[test]
    fn successes_never_open_the_breaker(batches in prop::collection::vec((0_u64..100_000, 0_u64..20_000), 0..100)) {
        let (mut state, mut now) = (BreakerState::default(), 0);
        for (successes, pause) in batches {
            now += pause;
            state = state.apply(&Batch { successes, failures: 0 }, at(now), &POLICY);
            prop_assert_eq!(state.admit(at(now), &POLICY), Admission::Go);
        }
    }

    #[test]
    fn any_text_is_parsed_as_some_state(text in ".{0,80}") {
        let state = BreakerState::decode(&text);
        prop_assert_eq!(BreakerState::decode(&state.encode()), state);
    }
}

#[test]
fn each_plugin_has_its_own_cache_key() {
    assert_eq!(cache_key("govcarpeta"), "connectivity:breaker:govcarpeta");
}
