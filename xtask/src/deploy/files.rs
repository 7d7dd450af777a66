//! Pipelines, images, compose files, scripts and alerts, each with the tool that the field uses.

use super::manifests::read;
use super::schemas::complaints;
use super::{Findings, folder};
use crate::project::root;
use crate::run::{Failure, failed, program};
use crate::tools::Tools;
use std::path::Path;

/// A tool, its arguments, and what it looks at: folders with what their files end with, or files.
struct Check {
    what: &'static str,
    tool: &'static str,
    arguments: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
}

const CHECKS: [Check; 6] = [
    Check { what: "workflows", tool: "actionlint", arguments: &["-no-color"], files: &[(".github/workflows", ".yml")] },
    Check {
        what: "workflows, for security",
        tool: "zizmor",
        arguments: &["--offline", "--no-progress", "--color=never", "--quiet"],
        files: &[(".github/workflows", ".yml")],
    },
    Check {
        what: "images",
        tool: "hadolint",
        arguments: &["--no-color"],
        files: &[("", "Dockerfile"), ("", "Dockerfile.spin")],
    },
    Check {
        what: "compose files",
        tool: "check-jsonschema",
        arguments: &["--builtin-schema", "vendor.compose-spec"],
        files: &[("", "docker-compose.yml"), ("tests", "compose.yml")],
    },
    Check {
        what: "updates of dependencies",
        tool: "check-jsonschema",
        arguments: &["--builtin-schema", "vendor.dependabot"],
        files: &[(".github", "dependabot.yml")],
    },
    Check {
        what: "scripts",
        tool: "shellcheck",
        arguments: &["--color=never"],
        files: &[("k8s", ".sh"), ("docker", ".sh"), ("docs", ".sh")],
    },
];

/// Checks all of them.
pub(super) fn check(tools: &Tools, findings: &mut Findings) -> Result<(), Failure> {
    for Check { what, tool, arguments, files } in &CHECKS {
        let Some(path) = tools.find(tool) else {
            findings.skip(what, &format!("{tool} is not here: pip install it, or put it on PATH"));
            continue;
        };
        let mut command = program(&path, arguments);
        for (folder, ending) in *files {
            command.args(matching(folder, ending)?);
        }
        // actionlint calls shellcheck for the scripts within workflows.
        command.env("PATH", tools.path());
        findings.add(what, complaints(&mut command)?);
    }
    rules(tools, findings)
}

/// The alerts without the head that Kubernetes wants, with their tests; and the settings of
/// compose's Prometheus.
fn rules(tools: &Tools, findings: &mut Findings) -> Result<(), Failure> {
    let Some(promtool) = tools.promtool() else {
        findings.skip("alerts", "promtool is not here: it comes with Prometheus (Debian: apt-get install prometheus)");
        return Ok(());
    };
    let folder = folder();
    let spec = read("monitoring/alerts.yaml")?.first().and_then(|rule| rule.pointer("/spec")).cloned();
    let spec = spec.ok_or_else(|| Failure("monitoring/alerts.yaml has no spec".into()))?;
    let (alerts, tests) = (folder.join("alerts.yaml"), folder.join("alerts.test.yaml"));
    std::fs::write(&alerts, spec.to_string()).map_err(failed(alerts.display().to_string()))?;
    std::fs::copy(root().join("monitoring/alerts.test.yaml"), &tests).map_err(failed(tests.display().to_string()))?;
    for (what, arguments, path) in [
        ("alerts", ["check", "rules"].as_slice(), alerts.as_path()),
        ("alerts, in time", &["test", "rules"], tests.as_path()),
        ("Prometheus", &["check", "config", "--syntax-only"], Path::new("monitoring/prometheus.yml")),
    ] {
        findings.add(what, complaints(program(&promtool, arguments).arg(path))?);
    }
    Ok(())
}

/// The files of a folder whose names end so. There must be some.
fn matching(folder: &str, ending: &str) -> Result<Vec<String>, Failure> {
    let path = root().join(folder);
    let files = std::fs::read_dir(&path).map_err(failed(path.display().to_string()))?;
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let wanted = names.filter(|name| if ending.starts_with('.') { name.ends_with(ending) } else { name == ending });
    let mut found: Vec<_> = wanted.map(|name| Path::new(folder).join(name).display().to_string()).collect();
    found.sort();
    if found.is_empty() { Err(Failure(format!("{folder}: nothing like {ending}"))) } else { Ok(found) }
}
