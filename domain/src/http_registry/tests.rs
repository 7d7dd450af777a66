use super::*;

fn answered(status: u16) -> Exchange {
    Exchange::Answered { status, body: Some("\"x\"".into()), retry_after: Some(Duration::from_secs(7)) }
}

fn evidence(status: u16) -> Evidence {
    Evidence { status, body: Some("\"x\"".into()) }
}

fn overloaded(status: u16) -> (Cause, Option<u16>, Option<Duration>) {
    (Cause::Overloaded, Some(status), Some(Duration::from_secs(7)))
}

/// The whole of the contract, row by row: 0 to 65535 without a gap.
const ROWS: [(std::ops::RangeInclusive<u16>, &str, &str); 18] = [
    (0..=199, "nonsense", "nonsense"),
    (200..=200, "affiliated", "authenticated"),
    (201..=203, "nonsense", "nonsense"),
    (204..=204, "none", "rejected"),
    (205..=399, "nonsense", "nonsense"),
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
    (600..=999, "nonsense", "nonsense"),
    (1_000..=u16::MAX, "nonsense", "nonsense"),
];

#[test]
fn every_status_of_a_citizen_answer_means_what_the_contract_says() {
    for (status, expected, _) in ROWS.into_iter().flat_map(|(range, a, b)| range.map(move |status| (status, a, b))) {
        let kind = match read_citizen_answer(answered(status)) {
            CitizenAnswer::None(kept) => (kept == evidence(status)).then_some("none"),
            CitizenAnswer::Affiliated(kept) => (kept == evidence(status)).then_some("affiliated"),
            CitizenAnswer::Refused(kept) => (kept == evidence(status)).then_some("refused"),
            CitizenAnswer::Nonsense(kept) => (kept == evidence(status)).then_some("nonsense"),
            CitizenAnswer::Later { cause, status: said, retry_after } => {
                ((cause, said, retry_after) == overloaded(status)).then_some("later")
            }
        };
        assert_eq!(kind, Some(expected), "{status}");
    }
}

#[test]
fn every_status_of_a_document_answer_means_what_the_contract_says() {
    for (status, _, expected) in ROWS.into_iter().flat_map(|(range, a, b)| range.map(move |status| (status, a, b))) {
        let kind = match read_document_answer(answered(status)) {
            DocumentAnswer::Authenticated(kept) => (kept == evidence(status)).then_some("authenticated"),
            DocumentAnswer::Rejected(kept) => (kept == evidence(status)).then_some("rejected"),
            DocumentAnswer::Nonsense(kept) => (kept == evidence(status)).then_some("nonsense"),
            DocumentAnswer::Later { cause, status: said, retry_after } => {
                ((cause, said, retry_after) == overloaded(status)).then_some("later")
            }
        };
        assert_eq!(kind, Some(expected), "{status}");
    }
}

#[test]
fn the_rows_of_the_contract_leave_no_gap() {
    let mut next = 0_u32;
    for (range, _, _) in ROWS {
        assert_eq!(u32::from(*range.start()), next);
        next = u32::from(*range.end()) + 1;
    }
    assert_eq!(next, 65_536);
}

#[test]
fn no_answer_is_asked_for_again() {
    for (transport, cause) in
        [(Transport::Timeout, Cause::Timeout), (Transport::Connection, Cause::Connection), (Transport::Tls, Cause::Tls)]
    {
        let citizen = CitizenAnswer::Later { cause, status: None, retry_after: None };
        assert_eq!(read_citizen_answer(Exchange::Failed(transport)), citizen);
        let document = DocumentAnswer::Later { cause, status: None, retry_after: None };
        assert_eq!(read_document_answer(Exchange::Failed(transport)), document);
    }
}
