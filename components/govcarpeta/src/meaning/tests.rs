use super::*;

/// The whole contract, row by row, from 0 to 65535 without a gap: statuses, and what they mean for a
/// citizen and for a document.
const ROWS: [(std::ops::RangeInclusive<u16>, &str, &str); 18] = [
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
    (500..=500, "later", "later"),
    (501..=501, "refused", "rejected"),
    (502..=504, "later", "later"),
    (505..=599, "later", "later"),
    (600..=999, "unexpected", "unexpected"),
    (1_000..=u16::MAX, "unexpected", "unexpected"),
];

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: Some("\"x\"".into()) }
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

#[test]
fn every_status_of_a_citizen_response_means_what_the_contract_says() {
    let verdict = |affiliation| match affiliation {
        Affiliation::None(evidence) => ("none", evidence),
        Affiliation::Affiliated(evidence) => ("affiliated", evidence),
    };
    for (status, expected) in ROWS.into_iter().flat_map(|(range, it, _)| range.map(move |status| (status, it))) {
        assert_eq!(name(of_citizen_response(evidence(status)), verdict), (expected, evidence(status)));
    }
}

#[test]
fn every_status_of_a_document_response_means_what_the_contract_says() {
    let verdict = |authenticity| match authenticity {
        Authenticity::Authenticated(evidence) => ("authenticated", evidence),
        Authenticity::Rejected(evidence) => ("rejected", evidence),
    };
    for (status, expected) in ROWS.into_iter().flat_map(|(range, _, it)| range.map(move |status| (status, it))) {
        assert_eq!(name(of_document_response(evidence(status)), verdict), (expected, evidence(status)));
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
