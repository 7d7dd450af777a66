//! Checks what the system is deployed with: manifests, images, pipelines, alerts.
//!
//! Nothing here needs a cluster, a container engine or an account anywhere.

mod between;
mod files;
mod manifests;
mod release;
mod schemas;
mod table;

use crate::project::target;
use crate::run::{Failure, announce};
use crate::tools::Tools;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The variable of `--crds`.
const CRDS: &str = "CRD_SCHEMAS";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder with custom resource definitions (YAML), to check custom resources against.
    #[arg(long, env = CRDS, value_name = "FOLDER")]
    crds: Option<PathBuf>,
}

impl Options {
    /// Returns the options of a command line without any.
    pub(crate) fn from_environment() -> Self {
        Self { crds: std::env::var_os(CRDS).map(PathBuf::from) }
    }
}

/// What the checks found.
#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    /// Each once, however many environments it is skipped for.
    skipped: BTreeSet<String>,
}

impl Findings {
    /// Takes in what a check found, and shows it.
    fn add(&mut self, what: &str, problems: Vec<String>) {
        println!("{what}: {}", if problems.is_empty() { "good" } else { "NOT GOOD" });
        for problem in &problems {
            println!("  {problem}");
        }
        self.problems.extend(problems);
    }

    /// A check that could not be made.
    fn skip(&mut self, what: &str, why: &str) {
        println!("{what}: SKIPPED");
        self.skipped.insert(format!("SKIPPED: {what}: {why}"));
    }
}

/// Where the checks put what they make.
fn folder() -> PathBuf {
    target().join("deploy")
}

fn tools() -> Result<Tools, Failure> {
    Tools::prepare(&folder().join("tools"), include_str!("deploy/requirements.txt"))
}

/// Checks everything, shows all problems, and fails if there are any.
pub(crate) fn lint(options: &Options) -> Result<(), Failure> {
    announce("what the system is deployed with");
    let tools = tools()?;
    let mut findings = Findings::default();
    if let Some(kubectl) = tools.find("kubectl") {
        for environment in &table::ENVIRONMENTS {
            let rendered = manifests::render(&kubectl, environment.overlay)?;
            let name = environment.overlay;
            findings.add(&format!("{name}: the table of environments"), table::differences(&rendered, environment));
            findings.add(&format!("{name}: what must hold between manifests"), between::manifests(&rendered)?);
            findings.add(&format!("{name}: a release of it"), release::check(&tools, name)?);
            schemas::check(&tools, options.crds.as_deref(), name, &rendered, &mut findings)?;
        }
    } else {
        findings.skip("the manifests of k8s/", "neither kubectl nor Python to install it with");
    }
    findings.add("alerts, their metrics and the runbook", between::alerts()?);
    findings.add("secrets have no values", between::secrets()?);
    files::check(&tools, &mut findings)?;
    for skipped in &findings.skipped {
        announce(skipped);
    }
    if findings.problems.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("{} problems with what the system is deployed with", findings.problems.len())))
}
