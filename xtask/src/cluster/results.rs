//! The results of documents, as `connectivity-bridge results` prints them in a pod.

use super::podman;
use crate::failure::{Failure, failed};
use crate::running::Running;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lines so far. The command is stopped when this value is dropped.
pub(super) struct Results {
    lines: Arc<Mutex<Vec<String>>>,
    _process: Running,
}

impl Results {
    /// Starts the command in a container of the bridge, and waits until it consumes results.
    pub(super) fn start(container: &str) -> Result<Self, Failure> {
        let mut command = podman::command(&["exec", container, "connectivity-bridge", "results"]);
        let mut process = Running(command.stdout(Stdio::piped()).spawn().map_err(failed("podman"))?);
        let stdout = process.0.stdout.take().ok_or_else(|| Failure("no output".into()))?;
        let mut printed = BufReader::new(stdout).lines().map_while(Result::ok);
        // The first line says that the queue is consumed.
        printed.next().ok_or_else(|| Failure("`connectivity-bridge results` ended".into()))?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || printed.for_each(|line| lock(&kept).push(line)));
        Ok(Self { lines, _process: process })
    }

    /// Returns how many different documents with this id were authenticated.
    pub(super) fn count(&self, id: &str) -> usize {
        let lines = lock(&self.lines);
        let of_id = lines.iter().filter(|line| line.contains(&format!("{id}-")) && line.contains("SUCCESS"));
        of_id.collect::<BTreeSet<_>>().len()
    }
}

fn lock(lines: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
