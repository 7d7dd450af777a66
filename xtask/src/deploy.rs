//! `cargo xtask lint deploy`: manifests, images, pipelines and alerts.
//!
//! No check needs a cluster, a container engine or an account.

mod access;
mod alerts;
mod between;
mod capacity;
mod compose;
mod files;
pub(crate) mod findings;
pub(crate) mod manifests;
#[cfg(test)]
mod mutations;
mod network;
pub(crate) mod overlays;
mod pipelines;
mod pods;
mod release;
mod schemas;
pub(crate) mod selectors;
mod table;
mod variables;

use crate::failure::Failure;
use crate::project::root;
use crate::run::announce;
use findings::{Findings, tools};
use serde_json::Value;
use std::path::PathBuf;

/// The variable of `--crds`.
const CRDS: &str = "CRD_SCHEMAS";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder with custom resource definitions (YAML) to check custom resources against, in place
    /// of k8s/schemas.
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
    let crds = options.crds.clone().unwrap_or_else(|| root().join("k8s/schemas"));
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
            findings.add(&format!("{name}: monitoring"), alerts::of_environment(&rendered, environment));
            findings.add(&format!("{name}: release"), release::check(&tools, name)?);
            schemas::check(&tools, &crds, name, &rendered, &mut findings)?;
        }
        for overlay in [overlays::KIND, overlays::PODMAN] {
            let rendered = overlay.render(&tools, &release::images()?, "of-one-commit")?;
            let name = overlay.name();
            findings.add(&format!("{name}: references between manifests"), between::manifests(&rendered)?);
            schemas::check(&tools, &crds, name, &rendered, &mut findings)?;
        }
    } else {
        findings.skip("the manifests of k8s/", "kubectl is not installed, nor Python to install it with");
    }
    findings.add("public paths in the documentation", network::documented()?);
    findings.add("alerts: environment, tests, runbook and metrics", alerts::problems()?);
    findings.add("services of docker-compose.yml", compose::problems()?);
    findings.add("secrets without values", between::secrets()?);
    findings.add("workflows: permissions, pins and order", pipelines::check()?);
    files::check(&tools, &mut findings)?;
    for skipped in &findings.skipped {
        announce(skipped);
    }
    // A pipeline that makes only some of the checks would look as if it had made them all.
    if std::env::var_os("CI").is_some() {
        findings.problems.extend(std::mem::take(&mut findings.skipped));
    }
    if findings.problems.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("{} problems with the deployment (see above)", findings.problems.len())))
}

/// Calls `seen` with every field, at any depth.
fn walk(value: &Value, seen: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            seen(key, value);
            walk(value, seen);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, seen)),
        _ => {}
    }
}
