use super::fakes::{FakeMemory, FakeRegistry, FakeStore};
use super::*;
use crate::http_registry::{CitizenAnswer, Exchange, Transport, read_citizen_answer};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn citizen() -> CitizenId {
    CitizenId::parse("1128456232").expect("an id")
}

/// What a plugin makes of an exchange: the registry port's answer.
fn through_the_plugin(exchange: Exchange) -> Result<Affiliation, RegistryError> {
    match read_citizen_answer(exchange) {
        CitizenAnswer::None(evidence) => Ok(Affiliation::None(evidence)),
        CitizenAnswer::Affiliated(evidence) => Ok(Affiliation::Affiliated(evidence)),
        CitizenAnswer::Refused(evidence) => Err(RegistryError::Refused(evidence)),
        CitizenAnswer::Nonsense(evidence) => Err(RegistryError::UnexpectedResponse(evidence)),
        CitizenAnswer::Later { cause, status, retry_after } => Err(RegistryError::Unavailable(NoVerdict {
            cause,
            status,
            retry_after: retry_after.unwrap_or_default(),
            attempts: 1,
        })),
    }
}

fn run(registry: &FakeRegistry, store: &FakeStore, memory: &FakeMemory) -> Result<CheckRecord, CheckError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(check_affiliation(registry, store, memory, &citizen(), "id-1".into(), || NOW))
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: None }
}

/// Runs a whole check and tells how it ended and what was recorded.
fn check(exchange: Exchange) -> (Result<CheckStatus, CheckError>, CheckRecord) {
    let store = FakeStore::default();
    let answer = run(&FakeRegistry::answering(through_the_plugin(exchange)), &store, &FakeMemory::default());
    let mut records = store.records();
    assert_eq!(records.len(), 1, "every check leaves one record");
    (answer.map(|record| record.status()), records.remove(0))
}

#[test]
fn every_status_code_there_is_makes_only_204_eligible_and_only_200_affiliated() {
    for status in 0..=u16::MAX {
        let (answer, record) = check(Exchange::Answered { status, body: None, retry_after: None });
        let expected = match status {
            204 => Some(CheckStatus::Eligible),
            200 => Some(CheckStatus::AlreadyAffiliated),
            _ => None,
        };
        assert_eq!(answer.ok(), expected, "{status}");
        assert_eq!(record.status(), expected.unwrap_or(CheckStatus::Error), "{status}");
        assert_eq!(record.status().is_eligible(), status == 204, "{status}");
        assert_eq!(record.status_code(), Some(status));
    }
}

#[test]
fn no_transport_error_makes_a_verdict() {
    for transport in [Transport::Timeout, Transport::Connection, Transport::Tls] {
        let (answer, record) = check(Exchange::Failed(transport));
        assert!(matches!(answer, Err(CheckError::NoVerdict { .. })), "{transport:?}");
        assert_eq!((record.status(), record.status().exists_in_system()), (CheckStatus::Error, None));
    }
}

proptest! {
    #[test]
    fn no_body_and_no_header_changes_what_the_status_says(
        status in prop_oneof![Just(200_u16), Just(204), Just(500), 100_u16..600],
        body in prop::option::of(".{0,200}"),
        seconds in prop::option::of(0_u64..10_000),
    ) {
        let retry_after = seconds.map(Duration::from_secs);
        let with = check(Exchange::Answered { status, body, retry_after }).1.status();
        let without = check(Exchange::Answered { status, body: None, retry_after: None }).1.status();
        prop_assert_eq!(with, without);
        prop_assert_eq!(with.is_eligible(), status == 204);
    }
}

#[test]
fn without_a_record_there_is_no_answer() {
    for answer in [Ok(Affiliation::None(evidence(204))), Err(RegistryError::Refused(evidence(501)))] {
        let registry = FakeRegistry::answering(answer);
        assert_eq!(run(&registry, &FakeStore::down(), &FakeMemory::default()), Err(CheckError::NotRecorded));
    }
}

#[test]
fn already_affiliated_is_remembered_and_still_recorded() {
    let registry = FakeRegistry::answering(Ok(Affiliation::Affiliated(evidence(200))));
    let (store, memory) = (FakeStore::default(), FakeMemory::default());
    for _ in 0..3 {
        assert_eq!(run(&registry, &store, &memory).map(|record| record.status()), Ok(CheckStatus::AlreadyAffiliated));
    }
    assert_eq!((registry.calls(), store.records().len()), (1, 3));
}

#[test]
fn eligible_is_never_remembered() {
    let registry = FakeRegistry::answering(Ok(Affiliation::None(evidence(204))));
    let (store, memory) = (FakeStore::default(), FakeMemory::default());
    for _ in 0..3 {
        assert_eq!(run(&registry, &store, &memory).map(|record| record.status()), Ok(CheckStatus::Eligible));
    }
    assert_eq!(registry.calls(), 3);
}

#[test]
fn a_status_is_read_as_it_was_written() {
    for status in [CheckStatus::Eligible, CheckStatus::AlreadyAffiliated, CheckStatus::Error] {
        assert_eq!(CheckStatus::parse(status.as_str()), Some(status));
    }
    assert_eq!(CheckStatus::parse("eligible"), None);
}

/// Every kind of outcome, and what is recorded of it: status, known to an operator, status code, data.
#[test]
fn every_outcome_has_its_record() {
    let said = |status| Evidence { status, body: Some("\"said\"".into()) };
    let unavailable =
        NoVerdict { cause: Cause::Overloaded, status: Some(503), retry_after: Duration::from_secs(5), attempts: 3 };
    let data = Some("\"said\"");
    for (outcome, expected) in [
        (Ok(Affiliation::None(said(204))), (CheckStatus::Eligible, Some(false), Some(204), data)),
        (Ok(Affiliation::Affiliated(said(200))), (CheckStatus::AlreadyAffiliated, Some(true), Some(200), data)),
        (Err(RegistryError::Unavailable(unavailable)), (CheckStatus::Error, None, Some(503), None)),
        (Err(RegistryError::Refused(said(501))), (CheckStatus::Error, None, Some(501), data)),
        (Err(RegistryError::UnexpectedResponse(said(302))), (CheckStatus::Error, None, Some(302), data)),
    ] {
        let record = CheckRecord::from_answer("id-1".into(), NOW, citizen(), &outcome);
        let (status, code) = (record.status(), record.status_code());
        assert_eq!((status, status.exists_in_system(), code, record.citizen_data()), expected, "{outcome:?}");
        assert_eq!((record.id(), record.citizen(), record.checked_at()), ("id-1", &citizen(), NOW));
        assert!(!record.message().is_empty() && !record.message().contains("1128456232"), "{}", record.message());
    }
}

#[test]
fn every_cause_ends_as_an_error_that_is_recorded_and_passed_on() {
    for cause in
        [Cause::Timeout, Cause::Connection, Cause::Tls, Cause::Overloaded, Cause::BreakerOpen, Cause::Misconfigured]
    {
        let retry_after = Duration::from_secs(9);
        let none = NoVerdict { cause, status: None, retry_after, attempts: 0 };
        let registry = FakeRegistry::answering(Err(RegistryError::Unavailable(none)));
        let (store, memory) = (FakeStore::default(), FakeMemory::default());
        assert_eq!(run(&registry, &store, &memory), Err(CheckError::NoVerdict { cause, retry_after }));
        assert_eq!(store.records().iter().map(CheckRecord::status).collect::<Vec<_>>(), [CheckStatus::Error]);
        // Nothing was remembered: the next check asks again.
        assert!(run(&registry, &store, &memory).is_err());
        assert_eq!(registry.calls(), 2);
    }
}

#[test]
fn what_could_not_be_recorded_is_not_remembered() {
    let registry = FakeRegistry::answering(Ok(Affiliation::Affiliated(evidence(200))));
    let memory = FakeMemory::default();
    assert_eq!(run(&registry, &FakeStore::down(), &memory), Err(CheckError::NotRecorded));
    assert!(run(&registry, &FakeStore::default(), &memory).is_ok());
    assert_eq!(registry.calls(), 2);
}
