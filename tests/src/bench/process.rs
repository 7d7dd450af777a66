//! Observes the resources of a server process under load.

use crate::servers::Servers;
use std::time::Duration;

/// The highest values seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peak {
    /// Resident memory, in MiB.
    pub memory: u64,
    /// The number of connections to the database.
    pub connections: u64,
}

/// Records the peak of the process's memory and of the connections to its database, until the task
/// is aborted.
pub async fn watch(process: u32, servers: Servers, database: String, peak: std::sync::Arc<std::sync::Mutex<Peak>>) {
    loop {
        let sql = format!("SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.processlist WHERE db = '{database}'");
        let rows = servers.query("information_schema", &sql).await;
        let connections = rows.first().and_then(|count| count.parse().ok()).unwrap_or(0);
        let memory = resident(process);
        {
            let mut peak = peak.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            peak.connections = peak.connections.max(connections);
            peak.memory = peak.memory.max(memory);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Returns the resident memory of a process, in MiB.
pub fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
