use super::phase::Phase;
use super::tally::{Failed, Subject, Tally};
use super::*;
use proptest::prelude::*;

const POLICY: Policy = Policy::DEFAULT;

/// The subject of calls where there is only one.
const ONE: &str = "operator";

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_millis(milliseconds))
}

fn id(number: u64) -> String {
    (1_000_000 + number).to_string()
}

/// Calls that fail one after the other: the subject and the number of the id of each.
fn failing(state: &BreakerState, calls: &[(&str, u64)], attempts: u32, now: u64) -> BreakerState {
    calls.iter().fold(state.clone(), |state, (subject, number)| {
        state.apply(0, Some(Failure::new(subject, &id(*number), attempts)), at(now), &POLICY)
    })
}

/// The state after the calls of one subject at the start; those that fail are about different ids.
fn fed(successes: u64, failures: u64) -> BreakerState {
    let state = BreakerState::default().apply(successes, None, at(0), &POLICY);
    failing(&state, &(0..failures).map(|number| (ONE, number)).collect::<Vec<_>>(), 1, 0)
}

fn is_refused(state: &BreakerState, subject: &str, now: u64) -> bool {
    matches!(state.admit(subject, at(now), &POLICY), Admission::Refuse { .. })
}

fn probe(state: &BreakerState, subject: &str, now: u64) -> BreakerState {
    match state.admit(subject, at(now), &POLICY) {
        Admission::Probe(probing) => probing,
        other => panic!("no probe of {subject} at {now} ms: {other:?}"),
    }
}

/// A breaker that is open for everybody, because the calls of two subjects failed.
fn open_for_everybody() -> BreakerState {
    let state = failing(&BreakerState::default(), &[("a", 1), ("b", 2), ("a", 3), ("b", 4)], 3, 0);
    assert!(is_refused(&state, "a", 0) && is_refused(&state, "b", 0) && is_refused(&state, "c", 0));
    state
}

#[test]
fn breaker_opens_when_half_of_enough_calls_failed() {
    assert!(!is_refused(&fed(0, 9), ONE, 0));
    assert!(!is_refused(&fed(11, 10), ONE, 0));
    assert_eq!(fed(10, 10).admit(ONE, at(0), &POLICY), Admission::Refuse { retry_after: POLICY.open_for });
}

#[test]
fn failures_about_one_id_open_it_for_nobody() {
    let (mut state, hundred) = (BreakerState::default(), [("a", 1), ("b", 1), ("c", 1)].repeat(100));
    for second in 0..60 {
        state = failing(&state, &hundred, 10, second * 1_000);
    }
    assert!(["a", "b", "c", "d"].iter().all(|subject| !is_refused(&state, subject, 60_000)));
}

#[test]
fn failures_of_one_subject_open_it_for_that_subject_only() {
    let mut state = BreakerState::default();
    let (mut refused, mut number) = (0, 0);
    for second in 0..600 {
        // Another subject's calls are answered, except those about one id.
        state = state.apply(2, Some(Failure::new("other", &id(7), 3)), at(second * 1_000), &POLICY);
        assert_eq!(state.admit("other", at(second * 1_000), &POLICY), Admission::Go, "after {second} s");
        for _ in 0..20 {
            number += 1;
            state = match state.admit(ONE, at(second * 1_000), &POLICY) {
                Admission::Go => failing(&state, &[(ONE, number)], 3, second * 1_000),
                Admission::Probe(it) => it.probe_finished(ONE, ProbeResult::Failed, at(second * 1_000), &POLICY),
                Admission::Refuse { .. } => {
                    refused += 1;
                    state
                }
            };
        }
    }
    assert!(refused > 11_000, "{refused} of 12000 calls were refused");
}

#[test]
fn outage_opens_it_for_everybody_as_soon_as_for_one() {
    // Ten attempts are four calls with three attempts each, or ten with one.
    let mixed: Vec<_> = (0..12).map(|number| (if number % 2 == 0 { "a" } else { "b" }, number)).collect();
    for (attempts, calls) in [(3, 4), (1, 10)] {
        let before = failing(&BreakerState::default(), &mixed[..calls - 1], attempts, 0);
        assert!(!is_refused(&before, "c", 0));
        assert!(is_refused(&failing(&before, &mixed[calls - 1..calls], attempts, 0), "c", 0));
    }
    // The subjects ask one after the other: each opens it for itself, and two for everybody.
    let first = failing(&BreakerState::default(), &[("a", 1), ("a", 2), ("a", 3), ("a", 4)], 3, 0);
    assert!(is_refused(&first, "a", 0) && !is_refused(&first, "b", 0));
    assert!(!is_refused(&failing(&first, &[("b", 1)], 3, 0), "c", 0));
    assert!(is_refused(&failing(&first, &[("b", 1), ("b", 2)], 3, 0), "c", 0));
}

#[test]
fn success_of_others_keeps_it_closed_for_them() {
    let state = BreakerState::default().apply(8, None, at(0), &POLICY);
    let state = failing(&state, &[("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 5), ("b", 6)], 3, 0);
    assert!(is_refused(&state, "a", 0) && !is_refused(&state, "b", 0));
}

#[test]
fn subjects_beyond_the_bound_are_counted_together() {
    let names: Vec<_> = (0..100).map(|number| format!("subject-{number}")).collect();
    let state = BreakerState::default().apply(10_000, None, at(0), &POLICY);
    let calls: Vec<_> = names.iter().map(String::as_str).zip(0..).collect();
    let state = failing(&state, &calls, 3, 0);
    assert!(state.encode().len() < 500, "{}", state.encode());
    assert!(is_refused(&failing(&BreakerState::default(), &calls, 3, 0), "any", 0));
}

#[test]
fn failures_before_the_two_windows_do_not_count() {
    let later = failing(&fed(0, 9), &(0..9).map(|number| (ONE, number)).collect::<Vec<_>>(), 1, 10_000);
    assert_eq!(later.admit(ONE, at(10_000), &POLICY), Admission::Go);
}

fn tally(successes: u64, attempts: u64) -> Tally {
    Tally { successes, failed: vec![Failed { subject: Subject::new(ONE), ids: 1, attempts }] }
}

fn closed(since: u64, current: Tally, previous: Tally) -> BreakerState {
    BreakerState { since: at(since), current, previous, ..BreakerState::default() }
}

#[test]
fn windows_follow_each_other() {
    let none = Tally::default;
    let one = Tally { successes: 1, ..none() };
    for (age, expected) in [
        (0, closed(0, tally(4, 2), none())),
        (4_999, closed(0, tally(4, 2), none())),
        (5_000, closed(5_000, one.clone(), tally(3, 2))),
        (9_999, closed(5_000, one.clone(), tally(3, 2))),
        (10_000, closed(10_000, one.clone(), none())),
        (20_000, closed(20_000, one, none())),
    ] {
        assert_eq!(closed(0, tally(3, 2), none()).apply(1, None, at(age), &POLICY), expected, "after {age} ms");
    }
}

#[test]
fn window_may_start_in_the_future_by_its_length() {
    let after = |milliseconds| closed(milliseconds, tally(3, 2), tally(3, 2)).apply(0, None, at(0), &POLICY);
    assert_eq!(after(5_000), closed(5_000, tally(3, 2), tally(3, 2)));
    assert_eq!(after(5_001), closed(0, Tally::default(), Tally::default()));
}

#[test]
fn counts_are_added_up_to_their_maximum() {
    let state = closed(0, tally(u64::MAX, u64::MAX), tally(1, 1)).apply(1, None, at(0), &POLICY);
    let state = failing(&state, &[(ONE, 1)], u32::MAX, 0);
    assert!(state.current.successes == u64::MAX && state.current.failed[0].attempts == u64::MAX);
}

#[test]
fn success_does_not_open_the_breaker_after_earlier_failures() {
    let state = fed(0, 9).apply(1, None, at(0), &POLICY);
    assert_eq!(state.admit(ONE, at(0), &POLICY), Admission::Go);
    assert!(is_refused(&failing(&state, &[(ONE, 9)], 1, 0), ONE, 0));
}

#[test]
fn one_caller_probes_and_its_result_decides() {
    for (open, subject) in [(fed(0, 10), ONE), (open_for_everybody(), "a")] {
        let probing = probe(&open, subject, 2_000);
        assert!(is_refused(&probing, subject, 2_001));
        let finished = |result| probing.probe_finished(subject, result, at(2_100), &POLICY);
        assert_eq!(finished(ProbeResult::Answered).admit(subject, at(2_100), &POLICY), Admission::Go);
        assert!(is_refused(&finished(ProbeResult::Failed), subject, 2_100 + 3_999));
        // The registry was not asked, so the next caller probes.
        probe(&finished(ProbeResult::NotAsked), subject, 2_100);
        // The probing caller did not report within its lease, so another may probe.
        probe(&probing, subject, 62_000);
    }
}

#[test]
fn closed_breaker_counts_afresh() {
    for (open, subject) in [(fed(0, 10), ONE), (open_for_everybody(), "a")] {
        let state = probe(&open, subject, 2_000).probe_finished(subject, ProbeResult::Answered, at(2_000), &POLICY);
        let state = failing(&state, &[(subject, 1), (subject, 2), (subject, 3)], 3, 2_000);
        assert_eq!(state.admit(subject, at(2_000), &POLICY), Admission::Go);
    }
}

#[test]
fn each_failed_probe_doubles_the_open_time_up_to_the_limit() {
    let (mut state, mut now) = (fed(0, 10), 0);
    for seconds in [2, 4, 4, 4] {
        let Admission::Refuse { retry_after } = state.admit(ONE, at(now), &POLICY) else { panic!("open") };
        assert_eq!(retry_after, Duration::from_secs(seconds));
        now += seconds * 1_000;
        state = probe(&state, ONE, now).probe_finished(ONE, ProbeResult::Failed, at(now), &POLICY);
    }
}

#[test]
fn subject_whose_probe_failed_lets_the_others_probe_first() {
    let (mut state, mut now) = (open_for_everybody(), 2_000);
    for seconds in [4, 4, 4] {
        state = probe(&state, "a", now).probe_finished("a", ProbeResult::Failed, at(now), &POLICY);
        probe(&state, "b", now + seconds * 1_000);
        assert!(is_refused(&state, "a", now + seconds * 2_000 - 1));
        now += seconds * 2_000;
    }
}

#[test]
fn condition_is_the_worst_phase_of_any_subject() {
    let of = |state: &BreakerState, now| state.condition(at(now), &POLICY);
    assert_eq!(of(&BreakerState::default(), 0), Condition::Closed);
    for open in [fed(0, 10), open_for_everybody()] {
        assert_eq!((of(&open, 0), of(&open, 2_000)), (Condition::Open, Condition::Probing));
    }
    assert!(Condition::Closed < Condition::Probing && Condition::Probing < Condition::Open);
    let names = [Condition::Closed, Condition::Probing, Condition::Open].map(Condition::as_str);
    assert_eq!(names, ["closed", "probing", "open"]);
}

#[test]
fn states_of_wrong_clocks_are_ignored() {
    for phase in ["open:9000000000000000000:1:0", "probing:9000000000000000000:1"] {
        probe(&BreakerState::decode(&format!("{phase} 0 0 0 -")), "any", 0);
    }
    let window = BreakerState::decode("closed 9000000000000000000 1000000 0 -");
    let ten: Vec<_> = (0..10).map(|number| (ONE, number)).collect();
    assert!(is_refused(&failing(&window, &ten, 1, 0), ONE, 0));
    // A window that starts a little in the future counts.
    let ahead = failing(&BreakerState::default(), &ten[..9], 1, 1_000);
    assert!(is_refused(&failing(&ahead, &ten[9..], 1, 0), ONE, 0));
}

#[test]
fn malformed_text_is_a_closed_breaker() {
    for text in [
        "",
        "closed",
        "closed x 0 0 -",
        "closed 0 -1 0 -",
        "closed 0 0,1:2 0 -",
        "closed 0 0 0 -,1",
        "closed 0 0 0 - -",
        "open:1:1 0 0 0 -",
        "open:1:-1:0 0 0 0 -",
        "half:1:1 0 0 0 -",
        "OPEN:1:1:0 0 0 0 -",
        "closed 1800000000000000 2 3 4 5",
        "open 1 1",
    ] {
        assert_eq!(BreakerState::decode(text), BreakerState::default(), "{text}");
    }
}

#[test]
fn text_names_neither_subjects_nor_ids() {
    let state = failing(&BreakerState::default(), &[("clerk-17", 1), ("clerk-17", 2)], 3, 0);
    let text = state.encode();
    assert!(!text.contains("clerk") && !text.contains(&id(1)) && !text.contains(&id(2)), "{text}");
}

#[derive(Clone, Debug)]
enum Event {
    Answered(u64),
    Failed(u64, u32),
    Ask,
    Probed(ProbeResult),
}

fn events() -> impl Strategy<Value = Vec<(u64, String, Event)>> {
    let results = [ProbeResult::Answered, ProbeResult::Failed, ProbeResult::NotAsked];
    let event = prop_oneof![
        (0_u64..30).prop_map(Event::Answered),
        (0_u64..30, 0_u32..5).prop_map(|(number, attempts)| Event::Failed(number, attempts)),
        Just(Event::Ask),
        prop::sample::select(results.to_vec()).prop_map(Event::Probed),
    ];
    prop::collection::vec((0_u64..10_000, "[a-l]", event), 0..100)
}

proptest! {
    #[test]
    fn refusals_end_and_every_state_is_parsed_from_its_text(events in events()) {
        let (mut state, mut now) = (BreakerState::default(), 0);
        for (pause, subject, event) in events {
            now += pause;
            state = match event {
                Event::Answered(successes) => state.apply(successes, None, at(now), &POLICY),
                Event::Failed(number, attempts) => failing(&state, &[(&subject, number)], attempts, now),
                Event::Probed(result) => state.probe_finished(&subject, result, at(now), &POLICY),
                Event::Ask => match state.admit(&subject, at(now), &POLICY) {
                    Admission::Probe(probing) => probing,
                    Admission::Go | Admission::Refuse { .. } => state,
                },
            };
            prop_assert_eq!(&BreakerState::decode(&state.encode()), &state);
            prop_assert!(state.encode().len() < 2_000);
            if let Admission::Refuse { retry_after } = state.admit(&subject, at(now), &POLICY) {
                prop_assert!(retry_after <= POLICY.longest_refusal());
                let after = state.admit(&subject, at(now).plus(retry_after), &POLICY);
                prop_assert!(matches!(after, Admission::Probe(_)));
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
        let failed = if kind == "open" { ":7" } else { "" };
        let text = format!("{kind}:{until}:{times}{failed} 0 0 0 -");
        let (state, now) = (BreakerState::decode(&text), Timestamp::from_micros(now));
        prop_assert_ne!(&state, &BreakerState::default());
        if let Admission::Refuse { retry_after } = state.admit(ONE, now, &POLICY) {
            prop_assert!(retry_after <= POLICY.longest_refusal());
            prop_assert!(matches!(state.admit(ONE, now.plus(retry_after), &POLICY), Admission::Probe(_)));
        }
        // A failed probe opens the breaker for a bounded time, whatever `times` is.
        if let Admission::Probe(probing) = state.admit(ONE, now, &POLICY) {
            let failed = probing.probe_finished(ONE, ProbeResult::Failed, now, &POLICY);
            let Admission::Refuse { retry_after } = failed.admit("other", now, &POLICY) else {
                return Err(TestCaseError::fail("a failed probe opens the breaker"));
            };
            prop_assert!(retry_after <= POLICY.open_for_at_most);
        }
    }

    #[test]
    fn one_caller_probes_per_lease(pauses in prop::collection::vec(0_u64..3_000, 1..200)) {
        // Callers come one after another and share the state; no probing caller reports a result.
        let (mut state, mut now) = (open_for_everybody(), 0);
        let mut probes = Vec::new();
        for pause in pauses {
            now += pause;
            if let Admission::Probe(probing) = state.admit(ONE, at(now), &POLICY) {
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
            state = state.apply(successes, None, at(now), &POLICY);
            prop_assert_eq!(state.admit(ONE, at(now), &POLICY), Admission::Go);
        }
    }

    #[test]
    fn any_text_is_parsed_as_some_state(text in ".{0,80}") {
        let state = BreakerState::decode(&text);
        prop_assert_eq!(BreakerState::decode(&state.encode()), state);
    }
}

#[test]
fn open_phase_of_a_subject_ends_even_if_the_subject_never_returns() {
    let state = fed(0, 10).apply(0, None, at(70_000), &POLICY);
    assert_eq!((state.phase_of(Subject::new(ONE)), state.subjects.len()), (Phase::Closed, 0));
}

#[test]
fn each_plugin_has_its_own_cache_key() {
    assert_eq!(cache_key("govcarpeta"), "connectivity:breaker:2:govcarpeta");
}
