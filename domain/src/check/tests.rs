use super::fakes::{FakeMemory, FakeRegistry, FakeStore};
use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn citizen() -> CitizenId {
    CitizenId::parse("1128456232").expect("an id")
}

fn run(registry: &FakeRegistry, store: &FakeStore, memory: &FakeMemory) -> Result<CheckRecord, CheckError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(check_affiliation(registry, store, memory, &citizen(), "id-1".into(), || NOW))
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: None }
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
