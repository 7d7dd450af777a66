use super::fakes::{FakeAffiliatedCache, FakeRegistry, FakeStore};
use super::*;
use crate::citizen::CitizenId;
use crate::page::Page;
use crate::verdict::Evidence;
use proptest::prelude::*;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const RETRY_AFTER: Duration = Duration::from_secs(9);

const CAUSES: [Cause; 6] =
    [Cause::Timeout, Cause::Connection, Cause::Tls, Cause::Overloaded, Cause::BreakerOpen, Cause::Misconfigured];

fn citizen() -> CitizenId {
    CitizenId::parse("1128456232").expect("an id")
}

fn request(id: &str, citizen: CitizenId) -> CheckRequest {
    CheckRequest { id: id.into(), citizen, requested_by: "operator".into(), request_id: "r-1".into() }
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: None }
}

fn unavailable(cause: Cause) -> RegistryError {
    RegistryError::Unavailable(NoVerdict { cause, status: None, retry_after: RETRY_AFTER, attempts: 3 })
}

thread_local! {
    /// The number of checks in this test. Each record needs another id.
    static CHECKS: Cell<u32> = const { Cell::new(0) };
}

fn new_id() -> String {
    CHECKS.set(CHECKS.get() + 1);
    format!("id-{}", CHECKS.get())
}

type Checked = Result<CheckRecord, CheckError>;

/// Checks one citizen.
fn run(registry: &FakeRegistry, store: &FakeStore, cache: &FakeAffiliatedCache) -> Result<Checked, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let requests = vec![request(&new_id(), citizen())];
    let mut checked = runtime.block_on(check_affiliations(registry, store, cache, requests, || NOW))?;
    assert_eq!(checked.len(), 1);
    Ok(checked.remove(0))
}

/// Runs a check and compares its result and the status of its only record.
fn check(answer: &Result<Affiliation, RegistryError>, expected: &Result<CheckStatus, CheckError>) {
    let store = FakeStore::default();
    let result = run(&FakeRegistry::answering(answer.clone()), &store, &FakeAffiliatedCache::default());
    let result = result.expect("recorded");
    let recorded = expected.clone().unwrap_or(CheckStatus::Error);
    assert_eq!(result.map(|record| record.status()), *expected, "{answer:?}");
    assert_eq!(store.records().iter().map(CheckRecord::status).collect::<Vec<_>>(), [recorded], "{answer:?}");
}

#[test]
fn every_answer_has_its_result_and_one_record() {
    check(&Ok(Affiliation::None(evidence(204))), &Ok(CheckStatus::Eligible));
    check(&Ok(Affiliation::Affiliated(evidence(200))), &Ok(CheckStatus::AlreadyAffiliated));
    check(&Err(RegistryError::Refused(evidence(400))), &Err(CheckError::Refused));
    check(&Err(RegistryError::UnexpectedResponse(evidence(302))), &Err(CheckError::UnexpectedResponse));
    for cause in CAUSES {
        check(&Err(unavailable(cause)), &Err(CheckError::NoVerdict { cause, retry_after: RETRY_AFTER }));
    }
}

mod batches;

#[test]
fn only_eligible_citizens_may_be_affiliated() {
    for (status, name, exists_in_system, is_eligible) in [
        (CheckStatus::Eligible, "ELIGIBLE", Some(false), true),
        (CheckStatus::AlreadyAffiliated, "ALREADY_AFFILIATED", Some(true), false),
        (CheckStatus::Error, "ERROR", None, false),
    ] {
        assert_eq!((status.as_str(), CheckStatus::parse(name)), (name, Some(status)));
        assert_eq!((status.exists_in_system(), status.is_eligible()), (exists_in_system, is_eligible), "{name}");
    }
    assert_eq!(CheckStatus::parse("eligible"), None);
}

proptest! {
    #[test]
    fn evidence_never_changes_the_verdict(status: u16, body in prop::option::of(".{0,200}")) {
        let evidence = Evidence { status, body };
        for (answer, expected) in [
            (Ok(Affiliation::None(evidence.clone())), CheckStatus::Eligible),
            (Ok(Affiliation::Affiliated(evidence.clone())), CheckStatus::AlreadyAffiliated),
            (Err(RegistryError::Refused(evidence.clone())), CheckStatus::Error),
            (Err(RegistryError::UnexpectedResponse(evidence)), CheckStatus::Error),
        ] {
            prop_assert_eq!(CheckRecord::from_answer(request("id-1", citizen()), NOW, &answer).status(), expected);
        }
    }
}

#[test]
fn record_holds_the_evidence_and_a_message() {
    let with_body = |status| Evidence { status, body: Some("\"body\"".into()) };
    let overloaded = NoVerdict { cause: Cause::Overloaded, status: Some(503), retry_after: RETRY_AFTER, attempts: 3 };
    let body = Some("\"body\"");
    for (answer, expected) in [
        (Ok(Affiliation::None(with_body(204))), (Some(204), body, "no operator has affiliated this citizen")),
        (Ok(Affiliation::Affiliated(with_body(200))), (Some(200), body, "an operator has affiliated this citizen")),
        (
            Err(RegistryError::Unavailable(overloaded)),
            (Some(503), None, "the registry is overloaded or failing (attempts: 3)"),
        ),
        (
            Err(RegistryError::Refused(with_body(501))),
            (Some(501), body, "the registry rejected the question as invalid"),
        ),
        (
            Err(RegistryError::UnexpectedResponse(with_body(302))),
            (Some(302), body, "the registry's response was not understood"),
        ),
    ] {
        let record = CheckRecord::from_answer(request("id-1", citizen()), NOW, &answer);
        assert_eq!((record.status_code(), record.citizen_data(), record.message()), expected, "{answer:?}");
        assert_eq!((record.id(), record.citizen(), record.checked_at()), ("id-1", &citizen(), NOW));
        assert_eq!(record.requested_by(), "operator");
    }
}

#[test]
fn every_cause_has_its_own_description() {
    let mut descriptions = CAUSES.map(Cause::describe).to_vec();
    assert!(descriptions.iter().all(|text| text.starts_with("the ") || text.starts_with("no ")), "{descriptions:?}");
    descriptions.sort_unstable();
    descriptions.dedup();
    assert_eq!(descriptions.len(), CAUSES.len());
}

#[test]
fn verdict_that_cannot_be_recorded_is_neither_returned_nor_cached() {
    for answer in [
        Ok(Affiliation::None(evidence(204))),
        Ok(Affiliation::Affiliated(evidence(200))),
        Err(RegistryError::Refused(evidence(501))),
    ] {
        let (registry, cache) = (FakeRegistry::answering(answer), FakeAffiliatedCache::default());
        assert_eq!(run(&registry, &FakeStore::down(), &cache), Err(StoreError));
        let _ = run(&registry, &FakeStore::default(), &cache).expect("recorded");
        assert_eq!(registry.calls(), 2);
    }
}

#[test]
fn only_already_affiliated_is_cached_and_each_check_is_recorded() {
    for (answer, calls) in [
        (Ok(Affiliation::Affiliated(evidence(200))), 1),
        (Ok(Affiliation::None(evidence(204))), 3),
        (Err(unavailable(Cause::Timeout)), 3),
        (Err(RegistryError::Refused(evidence(400))), 3),
        (Err(RegistryError::UnexpectedResponse(evidence(302))), 3),
    ] {
        let (registry, store) = (FakeRegistry::answering(answer.clone()), FakeStore::default());
        let cache = FakeAffiliatedCache::default();
        let results = [(); 3].map(|()| run(&registry, &store, &cache).expect("recorded").map(|record| record.status()));
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
        assert_eq!((registry.calls(), store.records().len()), (calls, 3), "{answer:?}");
    }
}

#[tokio::test]
async fn fake_store_keeps_the_contract() {
    let citizen = |number: usize| CitizenId::parse(&(1_000_000 + number).to_string()).expect("an id");
    let ids = AtomicU32::new(0);
    let new_id = || format!("id-{}", ids.fetch_add(1, Ordering::Relaxed));
    let promises = contract::check(&FakeStore::default(), citizen, new_id).await;
    let kept: Vec<_> = promises.iter().filter(|(_, is_kept)| *is_kept).collect();
    assert_eq!((promises.len(), kept.len()), (5, 5), "{promises:?}");
    let broken = contract::check(&FakeStore::down(), citizen, || "id".to_owned()).await;
    assert_eq!(broken[0], ("one record is written", false));
}

#[tokio::test]
async fn history_shows_a_page_of_the_citizens_checks_newest_first() {
    let store = FakeStore::default();
    let other = CitizenId::parse("1128456233").expect("an id");
    for (id, citizen) in [("1", citizen()), ("2", other), ("3", citizen()), ("4", citizen())] {
        let answer = Ok(Affiliation::None(evidence(204)));
        store.record(&[CheckRecord::from_answer(request(id, citizen), NOW, &answer)]).await.expect("recorded");
    }
    let page = Page::parse(Some("2"), Some("2")).expect("a page");
    let (count, checks) = store.history(&citizen(), page).await.expect("a page");
    assert_eq!((count, checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>()), (3, vec!["1"]));
    assert_eq!(checks[0].requested_by.as_deref(), Some("operator"));
    assert_eq!(FakeStore::down().history(&citizen(), page).await, Err(StoreError));
}
