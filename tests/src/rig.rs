//! The whole application behind proxies, with traffic on it: a fault is put on, taken away, and what
//! became of the traffic is compared with the records.

pub mod faults;
mod readiness;
mod report;
mod traffic;

pub use report::{Row, header};
pub use traffic::{Served, Traffic};

use crate::audit::{self, CHECK_ROWS, DOCUMENT_ROWS, Findings};
use crate::memory::{self, Limit};
use crate::pipeline::Pipeline;
use faults::Fault;
use readiness::Readiness;
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
}

impl Rig {
    async fn start(fault: &Fault, restart: &str) -> Self {
        let pipeline = Pipeline::behind_proxies(fault.variables, fault.settings).await;
        let limits = [
            Limit::set(pipeline.host.process(), memory::COMPONENTS),
            Limit::set(pipeline.bridge.process(), memory::BRIDGE),
        ];
        let traffic = Traffic::start(&pipeline);
        Self { pipeline, traffic, restart: restart.to_owned(), limits }
    }

    /// Returns whether the processes have the memory limits of the manifests.
    pub fn has_memory_limits(&self) -> bool {
        self.limits.iter().all(Option::is_some)
    }
}

/// Runs one fault, which lasts at most so long.
pub async fn run(fault: &Fault, at_most: Duration, restart: &str) -> Row {
    let mut rig = Rig::start(fault, restart).await;
    let started = Instant::now();
    if !rig.traffic.is_back(started, BACK_TIMEOUT).await {
        return Row::broken(fault, "the application did not serve before the fault", &rig);
    }
    tokio::time::sleep(CALM).await;
    let readiness = Readiness::watch(&rig, fault.oracle);
    fault.begin(&mut rig).await;
    tokio::time::sleep(fault.lasts.min(at_most)).await;
    fault.end(&mut rig).await;
    let gone = Instant::now();
    let back = rig.traffic.back_after(gone, BACK_TIMEOUT).await;
    let readiness = readiness.finish();
    tokio::time::sleep(CALM).await;
    rig.traffic.stop_sending().await;
    let findings = settle(&rig, fault.settles_within).await;
    Row::new(fault, &rig, findings, back, readiness)
}

/// Waits until every acknowledged request has its event, at most so long, and audits.
async fn settle(rig: &Rig, limit: Duration) -> Findings {
    let started = Instant::now();
    loop {
        let findings = audit(rig).await;
        if (findings.lost.is_empty() && findings.pending == 0) || started.elapsed() > limit {
            return findings;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn audit(rig: &Rig) -> Findings {
    let pipeline = &rig.pipeline;
    let rows = async |sql| pipeline.servers.query(&pipeline.database, sql).await;
    let seen = rig.traffic.seen();
    let checks = audit::checks(&seen.checks, &rows(CHECK_ROWS).await, traffic::is_eligible);
    let acknowledged = seen.acknowledged.keys().cloned().collect();
    let documents = rows(DOCUMENT_ROWS).await;
    checks.plus(audit::documents(&acknowledged, &documents, &seen.arrived, traffic::right_status))
}
