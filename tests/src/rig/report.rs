//! One row of the table in docs/reliability.md.

use super::Rig;
use super::faults::Fault;
use super::readiness::Outcome;
use super::traffic::Served;
use crate::audit::Findings;
use std::fmt;
use std::time::Duration;

/// How soon the service has to be back once the cause of a fault is gone.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What one fault did.
pub struct Row {
    name: &'static str,
    attempted: usize,
    without_verdict: usize,
    findings: Findings,
    back: Option<Duration>,
    readiness: String,
    /// What is not as it has to be.
    pub faults: Vec<String>,
}

/// Returns the head of the table.
pub fn header() -> &'static str {
    "| fault | attempted | no verdict | lost | contradictory | wrong | repeated | late rows | back after | readiness |\n\
     |---|---|---|---|---|---|---|---|---|---|"
}

impl Row {
    pub(super) fn new(
        fault: &Fault,
        rig: &Rig,
        findings: Findings,
        back: Option<Duration>,
        readiness: Outcome,
    ) -> Self {
        let seen = rig.traffic.seen();
        let without_verdict = seen.served.iter().filter(|(_, served)| *served != Served::Verdict).count();
        let mut faults = Vec::new();
        for (what, ids) in
            [("lost", &findings.lost), ("contradictory", &findings.contradictory), ("wrong", &findings.wrong)]
        {
            let shown: Vec<_> = ids.iter().take(5).collect();
            faults.extend((!ids.is_empty()).then(|| format!("{} {what}: {shown:?}", ids.len())));
        }
        faults.extend((findings.pending > 0).then(|| format!("{} still pending", findings.pending)));
        faults.extend(readiness.liars().iter().map(|name| format!("the {name} was ready while nothing succeeded")));
        if back.is_none_or(|back| back > BACK_WITHIN) {
            faults.push(format!("not back within {BACK_WITHIN:?}"));
        }
        if fault.is_seamless && without_verdict > 0 {
            faults.push(format!("{without_verdict} checks without a verdict"));
        }
        Self {
            name: fault.name,
            attempted: seen.checks.len() + seen.acknowledged.len(),
            without_verdict,
            findings,
            back,
            readiness: readiness.to_string(),
            faults,
        }
    }

    /// A row of a fault that could not be tried.
    pub(super) fn broken(fault: &Fault, why: &str, rig: &Rig) -> Self {
        let log = [rig.pipeline.host.log(), rig.pipeline.bridge.log()].concat();
        Self {
            name: fault.name,
            attempted: 0,
            without_verdict: 0,
            findings: Findings::default(),
            back: None,
            readiness: String::new(),
            faults: vec![format!("{why}: {log:#?}")],
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attempted, without_verdict, findings, back, readiness, .. } = self;
        let (lost, contradictory) = (findings.lost.len(), findings.contradictory.len());
        let (wrong, repeated, late) = (findings.wrong.len(), findings.repeated, findings.late);
        let back = back.map_or("never".to_owned(), |back| format!("{:.1} s", back.as_secs_f64()));
        write!(
            formatter,
            "| {name} | {attempted} | {without_verdict} | {lost} | {contradictory} | {wrong} | {repeated} | {late} | {back} | {readiness} |"
        )
    }
}
