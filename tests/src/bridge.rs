//! What a running bridge shows of itself.

use crate::client::Client;
use crate::host::Host;
use serde_json::Value;

/// Returns the number of connections with RabbitMQ for which the AMQP library of the bridge has a
/// thread.
pub fn connections(bridge: &Host) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", bridge.process())).expect("threads");
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("lapin-io-loop")).count()
}

/// Returns the status and the body of `/health/ready`.
pub async fn readiness(bridge: &Host) -> (u16, Value) {
    let answer = Client::default().get(&bridge.url("/health/ready")).await;
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).expect("JSON"))
}

/// Returns whether the metrics have this line.
pub async fn has_metric(bridge: &Host, line: &str) -> bool {
    let answer = Client::default().get(&bridge.url("/metrics")).await;
    String::from_utf8_lossy(&answer.body).lines().any(|found| found == line)
}
