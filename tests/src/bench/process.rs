//! Observes the resources of processes under load.

use crate::servers::Servers;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The duration of one tick of the times in `/proc/PID/stat`: `USER_HZ` is 100 on Linux
/// (the manual page `proc_pid_stat`).
const TICK: Duration = Duration::from_millis(10);

/// The highest values seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peak {
    /// Resident memory, in MiB.
    pub memory: u64,
    /// The number of connections to the database.
    pub connections: u64,
}

/// Records the peak of the process's memory and of the connections to its database, until `work` is
/// done.
pub async fn watched<T>(process: u32, servers: &Servers, database: &str, work: impl Future<Output = T>) -> (T, Peak) {
    let peak = Arc::new(Mutex::new(Peak::default()));
    let watching = tokio::spawn(watch(process, servers.clone(), database.to_owned(), Arc::clone(&peak)));
    let result = work.await;
    watching.abort();
    (result, *peak.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn watch(process: u32, servers: Servers, database: String, peak: Arc<Mutex<Peak>>) {
    loop {
        let sql = format!("SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.processlist WHERE db = '{database}'");
        let rows = servers.query("information_schema", &sql).await;
        let connections = rows.first().and_then(|count| count.parse().ok()).unwrap_or(0);
        let memory = resident(process);
        {
            let mut peak = peak.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Returns the CPU time that a process has used so far, without its child processes.
pub fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program is in parentheses and may contain spaces. The fields 14 and 15 are the
    // times in user mode and in the kernel.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    TICK * fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::cpu;
    use std::time::{Duration, Instant};

    #[test]
    fn cpu_time_of_this_process_grows_with_its_work() {
        let this = std::process::id();
        let before = cpu(this);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(100) {
            std::hint::black_box(started);
        }
        let after = cpu(this);
        assert!(after > before, "{before:?} {after:?}");
    }
}
