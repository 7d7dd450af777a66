//! The whole application behind proxies, with traffic on it: a fault is put on, taken away, and what
//! became of the traffic is compared with the records.

mod databases;
pub mod faults;
mod readiness;
mod report;
mod traffic;

pub use report::{Row, header};
pub use traffic::{Served, Traffic};

use crate::audit::{self, CHECK_ROWS, DOCUMENT_ROWS, Findings};
use crate::memory::{self, Limit};
use crate::pipeline::Pipeline;
use databases::Databases;
use faults::Fault;
use readiness::{Outcome, Readiness};
use std::time::{Duration, Instant};

/// How long the traffic runs before a fault and after it.
const CALM: Duration = Duration::from_secs(2);

/// How long the service may take to come back before a row says that it did not.
const BACK_TIMEOUT: Duration = Duration::from_mins(2);

/// How many checks in a row have to succeed before the service counts as back.
const STEADY: usize = 10;

/// The application under traffic.
pub struct Rig {
    pub pipeline: Pipeline,
    pub traffic: Traffic,
    /// The program that starts the servers again, called as `<program> services start`.
    pub restart: String,
    /// Keeps the memory limits of the first host and the first bridge, where they could be set.
    limits: [Option<Limit>; 2],
    databases: Databases,
}

/// What happened while one fault was on, and until the service was back.
struct Attempt {
    began: Instant,
    back: Option<Duration>,
    readiness: Outcome,
}

impl Rig {
    /// Starts the application as a fault needs it, and returns when it serves. Returns why it cannot
    /// be tried, if it cannot.
    async fn start(fault: &Fault, restart: &str) -> Result<Self, String> {
        let databases = Databases::start(fault.database).await?;
        let pipeline = Pipeline::behind_proxies_to(databases.servers(), fault.variables, fault.settings).await;
        let limits = [
            Limit::set(pipeline.host.process(), memory::COMPONENTS),
            Limit::set(pipeline.bridge.process(), memory::BRIDGE),
        ];
        let traffic = Traffic::start(&pipeline);
        let rig = Self { pipeline, traffic, restart: restart.to_owned(), limits, databases };
        if !rig.traffic.is_back(Instant::now(), BACK_TIMEOUT).await {
            let log = [rig.pipeline.host.log(), rig.pipeline.bridge.log()].concat();
            return Err(format!("the application did not serve before the fault: {log:#?}"));
        }
        tokio::time::sleep(CALM).await;
        Ok(rig)
    }

    /// Returns whether the processes have the memory limits of the manifests.
    pub fn has_memory_limits(&self) -> bool {
        self.limits.iter().all(Option::is_some)
    }

    /// Puts a fault on, which lasts at most so long, takes it away, and waits until the service is
    /// back.
    async fn attempt(&mut self, fault: &Fault, at_most: Duration) -> Attempt {
        let began = Instant::now();
        let readiness = Readiness::watch(self, fault.oracle);
        fault.begin(self).await;
        tokio::time::sleep(fault.lasts.min(at_most)).await;
        fault.end(self).await;
        let back = self.traffic.back_after(Instant::now(), BACK_TIMEOUT).await;
        Attempt { began, back, readiness: readiness.finish() }
    }

    /// Ends the traffic, waits at most so long until every acknowledged request has its event, and
    /// compares everything with the records.
    async fn settle(&mut self, limit: Duration) -> Findings {
        self.traffic.stop_sending().await;
        let started = Instant::now();
        loop {
            let findings = self.audit().await;
            if (findings.lost.is_empty() && findings.pending == 0) || started.elapsed() > limit {
                return findings;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn audit(&self) -> Findings {
        let pipeline = &self.pipeline;
        let rows = async |sql| pipeline.servers.query(&pipeline.database, sql).await;
        let seen = self.traffic.seen();
        let checks = audit::checks(&seen.checks, &rows(CHECK_ROWS).await, traffic::is_eligible);
        let acknowledged = seen.acknowledged.keys().cloned().collect();
        let documents = rows(DOCUMENT_ROWS).await;
        checks.plus(audit::documents(&acknowledged, &documents, &seen.arrived, traffic::right_status))
    }
}

/// Runs one fault on an application of its own.
pub async fn run(fault: &Fault, restart: &str) -> Row {
    let began = Instant::now();
    let mut rig = match Rig::start(fault, restart).await {
        Ok(rig) => rig,
        Err(why) => return Row::broken(fault.name, why),
    };
    let attempt = rig.attempt(fault, Duration::MAX).await;
    tokio::time::sleep(CALM).await;
    let findings = rig.settle(fault.settles_within).await;
    let mut row = Row::new(fault, &rig.traffic.seen(), Attempt { began, ..attempt });
    row.add(findings);
    row
}

/// Runs faults one after another, each for at most so long, on one application. The last row has what
/// all of them did.
pub async fn run_together(faults: &[&Fault], at_most: Duration, restart: &str) -> Vec<Row> {
    let Some(first) = faults.first() else { return Vec::new() };
    let mut rig = match Rig::start(first, restart).await {
        Ok(rig) => rig,
        Err(why) => return vec![Row::broken(first.name, why)],
    };
    let mut rows = Vec::new();
    for fault in faults {
        let attempt = rig.attempt(fault, at_most).await;
        rows.push(Row::new(fault, &rig.traffic.seen(), attempt));
    }
    let findings = rig.settle(first.settles_within).await;
    rows.push(Row::all(&rig.traffic.seen(), findings));
    rows
}
