//! One row of the table in docs/reliability.md.

use super::Attempt;
use super::faults::Fault;
use super::traffic::{Observed, Served};
use crate::audit::Findings;
use std::fmt;
use std::time::{Duration, Instant};

/// How soon the service has to be back once the cause of a fault is gone.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What one fault did.
#[derive(Default)]
pub struct Row {
    name: &'static str,
    attempted: usize,
    without_verdict: usize,
    /// `None` if the records were not compared after this fault.
    findings: Option<Findings>,
    /// `None` if there was no single fault to come back from.
    back: Option<String>,
    readiness: String,
    /// What is not as it has to be.
    faults: Vec<String>,
}

/// Returns the head of the table.
pub fn header() -> &'static str {
    "| fault | attempted | no verdict | lost | contradictory | wrong | repeated | late rows | back after | readiness |\n\
     |---|---|---|---|---|---|---|---|---|---|"
}

impl Row {
    /// A row that counts what was sent since the attempt began.
    pub(super) fn new(fault: &Fault, seen: &Observed, attempt: Attempt) -> Self {
        let Attempt { began, back, readiness } = attempt;
        let mut row = Self { name: fault.name, ..Self::counted(seen, began) };
        row.back = Some(back.map_or("never".to_owned(), |back| format!("{:.1} s", back.as_secs_f64())));
        row.readiness = readiness.to_string();
        let liars = readiness.liars();
        row.faults.extend(liars.iter().map(|name| format!("the {name} was ready while nothing succeeded")));
        if back.is_none_or(|back| back > BACK_WITHIN) {
            row.faults.push(format!("not back within {BACK_WITHIN:?}"));
        }
        if fault.is_seamless && row.without_verdict > 0 {
            row.faults.push(format!("{} checks without a verdict", row.without_verdict));
        }
        row
    }

    /// The row of all faults together.
    pub(super) fn all(seen: &Observed, findings: Findings) -> Self {
        let began = seen.served.first().map_or_else(Instant::now, |(at, _)| *at);
        let mut row = Self { name: "all of them", ..Self::counted(seen, began) };
        row.add(findings);
        row
    }

    /// A row of a fault that could not be tried.
    pub(super) fn broken(name: &'static str, why: String) -> Self {
        Self { name, faults: vec![why], ..Self::default() }
    }

    /// Returns what is not as it has to be.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.faults.iter().map(|what| format!("{}: {what}", self.name))
    }

    fn counted(seen: &Observed, began: Instant) -> Self {
        let served: Vec<_> = seen.served.iter().filter(|(at, _)| *at >= began).collect();
        let requests = seen.acknowledged.values().filter(|at| **at >= began).count();
        let without_verdict = served.iter().filter(|(_, served)| *served != Served::Verdict).count();
        Self { attempted: served.len() + requests, without_verdict, ..Self::default() }
    }

    /// Adds what comparing the records has shown.
    pub(super) fn add(&mut self, findings: Findings) {
        for (what, ids) in
            [("lost", &findings.lost), ("contradictory", &findings.contradictory), ("wrong", &findings.wrong)]
        {
            let shown: Vec<_> = ids.iter().take(5).collect();
            self.faults.extend((!ids.is_empty()).then(|| format!("{} {what}: {shown:?}", ids.len())));
        }
        self.faults.extend((findings.pending > 0).then(|| format!("{} still pending", findings.pending)));
        self.findings = Some(findings);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attempted, without_verdict, findings, back, readiness, .. } = self;
        write!(formatter, "| {name} | {attempted} | {without_verdict} |")?;
        let count =
            |count: fn(&Findings) -> usize| findings.as_ref().map_or_else(String::new, |it| count(it).to_string());
        for count in [
            count(|it| it.lost.len()),
            count(|it| it.contradictory.len()),
            count(|it| it.wrong.len()),
            count(|it| it.repeated),
            count(|it| it.late),
        ] {
            write!(formatter, " {count} |")?;
        }
        write!(formatter, " {} | {readiness} |", back.as_deref().unwrap_or_default())
    }
}
