//! Compares the answers and the events with the records and with the truth.

use crate::broker::Arrived;
use std::collections::{BTreeMap, BTreeSet};

/// A check that was sent. Each has a citizen of its own.
#[derive(Clone, Debug)]
pub struct Checked {
    pub citizen: String,
    /// The verdict of the answer; `None` if it had none, or if there was no answer.
    pub eligible: Option<bool>,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Checks with a verdict that have no record, and acknowledged requests without an event.
    pub lost: Vec<String>,
    /// Answers that differ from their record, and events that differ from their record or from each
    /// other.
    pub contradictory: Vec<String>,
    /// Verdicts that the registry did not give, and documents that ended without a verdict.
    pub wrong: Vec<String>,
    /// Further events of requests that already had one.
    pub repeated: usize,
    /// Records of a verdict whose caller got none.
    pub late: usize,
    /// Requests whose record has no verdict yet.
    pub pending: usize,
}

impl Findings {
    /// Adds the findings of another audit.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.lost.extend(other.lost);
        self.contradictory.extend(other.contradictory);
        self.wrong.extend(other.wrong);
        self.repeated += other.repeated;
        self.late += other.late;
        self.pending += other.pending;
        self
    }

    /// Returns whether nothing was lost, contradictory or wrong.
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && self.contradictory.is_empty() && self.wrong.is_empty()
    }
}

/// The SQL of the rows that [`checks`] takes.
pub const CHECK_ROWS: &str = "SELECT CONCAT(citizen_id, ' ', status) FROM affiliation_checks";

/// The SQL of the rows that [`documents`] takes.
pub const DOCUMENT_ROWS: &str =
    "SELECT CONCAT(COALESCE(given_message_id, message_id), ' ', status) FROM document_authentications";

/// Compares checks with their rows. `truth` is the registry's verdict on a citizen.
pub fn checks(checks: &[Checked], rows: &[String], truth: impl Fn(&str) -> bool) -> Findings {
    let mut statuses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (citizen, status) in rows.iter().filter_map(|row| row.split_once(' ')) {
        statuses.entry(citizen).or_default().insert(status);
    }
    let verdict = |eligible| if eligible { "ELIGIBLE" } else { "ALREADY_AFFILIATED" };
    let mut findings = Findings::default();
    for Checked { citizen, eligible } in checks {
        let recorded = statuses.get(citizen.as_str());
        let right = verdict(truth(citizen));
        match (eligible, recorded) {
            (Some(_), None) => findings.lost.push(citizen.clone()),
            (Some(eligible), Some(recorded)) if !recorded.contains(verdict(*eligible)) => {
                findings.contradictory.push(citizen.clone());
            }
            (None, Some(recorded)) if recorded.iter().any(|status| *status != "ERROR") => findings.late += 1,
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
        let answered = eligible.is_some_and(|eligible| verdict(eligible) != right);
        let stored = recorded.is_some_and(|all| all.iter().any(|status| *status != "ERROR" && *status != right));
        if answered || stored {
            findings.wrong.push(citizen.clone());
        }
    }
    findings
}

/// Compares acknowledged requests with their rows and events. `truth` is the status that a request
/// has to end with.
pub fn documents(
    acknowledged: &BTreeSet<String>,
    rows: &[String],
    arrived: &[Arrived],
    truth: impl Fn(&str) -> &'static str,
) -> Findings {
    let rows: BTreeMap<_, _> = rows.iter().filter_map(|row| row.rsplit_once(' ')).collect();
    let mut events: BTreeMap<&str, Vec<&Arrived>> = BTreeMap::new();
    for event in arrived {
        events.entry(event.body["messageId"].as_str().unwrap_or_default()).or_default().push(event);
    }
    let mut findings = Findings::default();
    for id in acknowledged {
        let status = rows.get(id.as_str()).copied();
        findings.pending += usize::from(status.is_none_or(|status| status == "PENDING"));
        let Some(events) = events.get(id.as_str()) else {
            findings.lost.push(id.clone());
            continue;
        };
        findings.repeated += events.len() - 1;
        let alike = events.iter().all(|event| event.body == events[0].body && event.message_id == events[0].message_id);
        if !alike || status != events[0].body["status"].as_str() {
            findings.contradictory.push(id.clone());
        }
        if events.iter().any(|event| event.body["status"] != truth(id)) {
            findings.wrong.push(id.clone());
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn each_kind_of_wrong_check_is_found() {
        let even = |citizen: &str| citizen.as_bytes().last().is_some_and(|digit| digit % 2 == 0);
        let check = |eligible, rows: &[&str]| {
            checks(&[Checked { citizen: "1000002".to_owned(), eligible }], &strings(rows), even)
        };
        let (own, one) = (Findings::default, || strings(&["1000002"]));
        assert_eq!(check(Some(true), &["1000002 ELIGIBLE", "1000003 ALREADY_AFFILIATED"]), own());
        assert_eq!(check(Some(true), &["1000002 ERROR", "1000002 ELIGIBLE"]), own(), "repeated after an error");
        assert_eq!(check(None, &["1000002 ERROR"]), own());
        assert_eq!(check(None, &[]), own());
        assert_eq!(check(None, &["1000002 ELIGIBLE"]), Findings { late: 1, ..own() });
        assert_eq!(check(Some(true), &[]), Findings { lost: one(), ..own() });
        let both = Findings { contradictory: one(), wrong: one(), ..own() };
        assert_eq!(check(Some(true), &["1000002 ERROR"]), Findings { contradictory: one(), ..own() });
        assert_eq!(check(Some(false), &["1000002 ELIGIBLE"]), both);
        assert_eq!(check(Some(false), &["1000002 ALREADY_AFFILIATED"]), Findings { wrong: one(), ..own() });
    }

    #[test]
    fn each_kind_of_wrong_document_is_found() {
        let event = |status: &str| Arrived {
            routing_key: String::new(),
            message_id: "event-of-a".to_owned(),
            correlation_id: String::new(),
            headers: BTreeMap::new(),
            body: json!({"messageId": "a", "status": status}),
            at: std::time::Instant::now(),
        };
        let check = |rows: &[&str], events: &[&str]| {
            let events: Vec<_> = events.iter().map(|status| event(status)).collect();
            documents(&BTreeSet::from(["a".to_owned()]), &strings(rows), &events, |_| "SUCCESS")
        };
        let (own, one) = (Findings::default, || strings(&["a"]));
        assert_eq!(check(&["a SUCCESS"], &["SUCCESS"]), own());
        assert_eq!(check(&["a SUCCESS"], &["SUCCESS", "SUCCESS"]), Findings { repeated: 1, ..own() });
        assert_eq!(check(&["a SUCCESS"], &[]), Findings { lost: one(), ..own() });
        assert_eq!(check(&["a PENDING"], &[]), Findings { lost: one(), pending: 1, ..own() });
        assert_eq!(check(&["a ERROR"], &["ERROR"]), Findings { wrong: one(), ..own() });
        assert_eq!(check(&["a FAILED"], &["SUCCESS"]), Findings { contradictory: one(), ..own() });
        let both = Findings { contradictory: one(), wrong: one(), repeated: 1, ..own() };
        assert_eq!(check(&["a SUCCESS"], &["SUCCESS", "ERROR"]), both);
    }
}
