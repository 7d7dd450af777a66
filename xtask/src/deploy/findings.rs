//! What the checks share: their results, and their tools.

use crate::failure::Failure;
use crate::project::target;
use crate::run::say;
use crate::tools::Tools;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What the checks found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<String>,
    /// The checks that were skipped. Each is reported once, even if it was skipped for several
    /// environments.
    pub(super) skipped: BTreeSet<String>,
}

impl Findings {
    /// Adds and prints the problems that a check found.
    pub(super) fn add(&mut self, what: &str, problems: Vec<String>) {
        say!("{what}: {}", if problems.is_empty() { "ok" } else { "FAILED" });
        for problem in &problems {
            say!("  {problem}");
        }
        self.problems.extend(problems);
    }

    /// Adds a check that cannot be made.
    pub(super) fn skip(&mut self, what: &str, why: &str) {
        say!("{what}: SKIPPED");
        self.skipped.insert(format!("SKIPPED: {what}: {why}"));
    }
}

/// Returns the folder of the tools and of generated files.
pub(crate) fn folder() -> PathBuf {
    target().join("deploy")
}

/// Installs the tools of the checks.
pub(crate) fn tools() -> Result<Tools, Failure> {
    Tools::prepare(&folder().join("tools"), include_str!("requirements.txt"))
}
