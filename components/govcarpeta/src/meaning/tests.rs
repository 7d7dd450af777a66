use super::*;
use connectivity_domain::check::fakes::{FakeAffiliatedCache, FakeRegistry, FakeStore};
use connectivity_domain::check::{CheckRequest, CheckStatus, check_affiliations};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::registry::NoVerdict;
use connectivity_domain::time::Timestamp;
use connectivity_domain::verdict::{Cause, Evidence};
use futures_util::FutureExt;
use std::time::Duration;

/// The whole contract, row by row, from 0 to 65535 without a gap: statuses, and what they mean for
/// a citizen and for a document if the body is JSON.
const ROWS: [(std::ops::RangeInclusive<u16>, &str, &str); 14] = [
    (0..=199, "unexpected", "unexpected"),
    (200..=200, "affiliated", "authenticated"),
    (201..=203, "unexpected", "unexpected"),
    (204..=204, "none", "rejected"),
    (205..=399, "unexpected", "unexpected"),
    (400..=407, "refused", "rejected"),
    (408..=408, "later", "later"),
    (409..=424, "refused", "rejected"),
    (425..=425, "later", "later"),
    (426..=428, "refused", "rejected"),
    (429..=429, "later", "later"),
    (430..=499, "refused", "rejected"),
    (500..=599, "later", "later"),
    (600..=u16::MAX, "unexpected", "unexpected"),
];

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: Some("\"x\"".into()) }
}

fn answer(status: u16, is_json: bool) -> Answer {
    Answer { evidence: evidence(status), is_json }
}

/// Names a meaning, and returns the evidence in it.
fn name<V>(meaning: Meaning<V>, verdict: fn(V) -> (&'static str, Evidence)) -> (&'static str, Evidence) {
    match meaning {
        Meaning::Final(Ok(it)) => verdict(it),
        Meaning::Final(Err(RegistryError::Refused(evidence))) => ("refused", evidence),
        Meaning::Final(Err(RegistryError::UnexpectedResponse(evidence))) => ("unexpected", evidence),
        Meaning::Final(Err(RegistryError::Unavailable(_))) => panic!("a table cannot say that"),
        Meaning::TryLater(evidence) => ("later", evidence),
    }
}

fn name_of_citizen_response(answer: Answer) -> (&'static str, Evidence) {
    name(of_citizen_response(answer), |affiliation| match affiliation {
        Affiliation::None(evidence) => ("none", evidence),
        Affiliation::Affiliated(evidence) => ("affiliated", evidence),
    })
}

fn name_of_document_response(answer: Answer) -> (&'static str, Evidence) {
    name(of_document_response(answer), |authenticity| match authenticity {
        Authenticity::Authenticated(evidence) => ("authenticated", evidence),
        Authenticity::Rejected(evidence) => ("rejected", evidence),
    })
}

#[test]
fn every_response_means_what_the_contract_says() {
    for (range, citizen, document) in ROWS {
        for status in range {
            assert_eq!(name_of_citizen_response(answer(status, true)), (citizen, evidence(status)));
            assert_eq!(name_of_document_response(answer(status, true)), (document, evidence(status)));
            // Without JSON, a 200 is no verdict. All other statuses mean the same.
            let (citizen, document) = if status == 200 { ("later", "later") } else { (citizen, document) };
            assert_eq!(name_of_citizen_response(answer(status, false)), (citizen, evidence(status)));
            assert_eq!(name_of_document_response(answer(status, false)), (document, evidence(status)));
        }
    }
}

#[test]
fn rows_leave_no_gap() {
    let mut next = 0_u32;
    for (range, _, _) in ROWS {
        assert_eq!(u32::from(*range.start()), next);
        next = u32::from(*range.end()) + 1;
    }
    assert_eq!(next, 65_536);
}

/// Runs a whole affiliation check that the registry answers with this status, and returns the
/// status of its result and of its record.
fn check(status: u16, is_json: bool) -> (Option<CheckStatus>, CheckStatus) {
    let answer = match of_citizen_response(answer(status, is_json)) {
        Meaning::Final(answer) => answer,
        Meaning::TryLater(evidence) => Err(RegistryError::Unavailable(NoVerdict {
            cause: Cause::Overloaded,
            status: Some(evidence.status),
            retry_after: Duration::ZERO,
            attempts: 1,
        })),
    };
    let (registry, store, cache) =
        (FakeRegistry::answering(answer), FakeStore::default(), FakeAffiliatedCache::default());
    let citizen = CitizenId::parse("1128456232").expect("an id");
    let (requested_by, request_id) = ("operator".into(), "r-1".into());
    let request = CheckRequest { id: "id-1".into(), citizen, requested_by, request_id };
    let now = || Timestamp::from_micros(0);
    let checked = check_affiliations(&registry, &store, &cache, vec![request], now).now_or_never();
    let mut checked = checked.expect("fakes answer at once").expect("recorded");
    let status = checked.remove(0).ok().map(|record| record.status());
    (status, store.records()[0].status())
}

#[test]
fn only_204_makes_a_citizen_eligible_and_only_200_with_json_affiliated() {
    for (status, is_json) in (0..=u16::MAX).flat_map(|status| [(status, false), (status, true)]) {
        let expected = match (status, is_json) {
            (204, _) => Some(CheckStatus::Eligible),
            (200, true) => Some(CheckStatus::AlreadyAffiliated),
            _ => None,
        };
        assert_eq!(check(status, is_json), (expected, expected.unwrap_or(CheckStatus::Error)), "{status} {is_json}");
    }
}
