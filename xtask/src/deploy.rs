//! `cargo xtask lint deploy`: manifests, images, pipelines and alerts.
//!
//! No check needs a cluster, a container engine or an account.

mod access;
mod between;
mod files;
mod findings;
mod manifests;
mod release;
mod schemas;
mod table;

use crate::failure::Failure;
use crate::run::announce;
use findings::{Findings, tools};
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

/// Makes all checks, prints their problems, and fails if there are any.
pub(crate) fn lint(options: &Options) -> Result<(), Failure> {
    announce("manifests, images, pipelines and alerts");
    let tools = tools()?;
    let mut findings = Findings::default();
    if let Some(kubectl) = tools.find("kubectl") {
        for environment in &table::ENVIRONMENTS {
            let rendered = manifests::render(&kubectl, environment.overlay)?;
            let name = environment.overlay;
            findings.add(
                &format!("{name}: values of the table of environments"),
                table::differences(&rendered, environment),
            );
            findings.add(&format!("{name}: references between manifests"), between::manifests(&rendered)?);
            findings.add(&format!("{name}: release"), release::check(&tools, name)?);
            schemas::check(&tools, options.crds.as_deref(), name, &rendered, &mut findings)?;
        }
    } else {
        findings.skip("the manifests of k8s/", "kubectl is not installed, nor Python to install it with");
    }
    findings.add("alerts: metrics and runbook", between::alerts()?);
    findings.add("secrets without values", between::secrets()?);
    files::check(&tools, &mut findings)?;
    for skipped in &findings.skipped {
        announce(skipped);
    }
    if findings.problems.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("{} problems with the deployment (see above)", findings.problems.len())))
}
