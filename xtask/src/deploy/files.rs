//! Pipelines, images, compose files, scripts and alerts, each checked with the usual tool.

use super::alerts::{ENVIRONMENT, NAMESPACE};
use super::findings::{Findings, folder};
use super::manifests::read;
use super::schemas::complaints;
use crate::failure::{Failure, failed};
use crate::project::root;
use crate::run::program;
use crate::tools::Tools;
use std::path::Path;

/// A tool, its arguments, and its files: folders with the ending or the name of a file.
struct Check {
    what: &'static str,
    tool: &'static str,
    arguments: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
}

const CHECKS: [Check; 6] = [
    Check { what: "workflows", tool: "actionlint", arguments: &["-no-color"], files: &[(".github/workflows", ".yml")] },
    Check {
        what: "workflows: security",
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
        what: "dependency updates",
        tool: "check-jsonschema",
        arguments: &["--builtin-schema", "vendor.dependabot"],
        files: &[(".github", "dependabot.yml")],
    },
    Check {
        what: "scripts",
        tool: "shellcheck",
        arguments: &["--color=never", "--external-sources"],
        files: &[("k8s", ".sh"), ("k8s/deploy", ".sh"), ("docker", ".sh"), ("docs", ".sh"), ("tests/cluster", ".sh")],
    },
];

/// Makes all checks.
pub(super) fn check(tools: &Tools, findings: &mut Findings) -> Result<(), Failure> {
    for Check { what, tool, arguments, files } in &CHECKS {
        let Some(path) = tools.find(tool) else {
            findings.skip(what, &format!("{tool} is not installed (pip install {tool})"));
            continue;
        };
        let mut command = program(&path, arguments);
        for (folder, ending) in *files {
            command.args(matching(folder, ending)?);
        }
        // actionlint calls shellcheck for the scripts in workflows.
        command.env("PATH", tools.path());
        findings.add(what, complaints(&mut command)?);
    }
    rules(tools, findings)
}

/// Checks and tests the alerts, without the Kubernetes object around them and for the environment
/// that their tests are about, and checks the settings of the Prometheus in docker-compose.yml.
fn rules(tools: &Tools, findings: &mut Findings) -> Result<(), Failure> {
    let Some(promtool) = tools.promtool() else {
        findings
            .skip("alerts", "promtool is not installed (it is part of Prometheus; Debian: apt-get install prometheus)");
        return Ok(());
    };
    let folder = folder();
    let spec = read("monitoring/alerts.yaml")?.first().and_then(|rule| rule.pointer("/spec")).cloned();
    let spec = spec.ok_or_else(|| Failure("monitoring/alerts.yaml has no spec".into()))?;
    let (alerts, tests) = (folder.join("alerts.yaml"), folder.join("alerts.test.yaml"));
    let spec = spec.to_string().replace(NAMESPACE, "'connectivity'").replace(ENVIRONMENT, "production");
    std::fs::write(&alerts, spec).map_err(failed(alerts.display().to_string()))?;
    std::fs::copy(root().join("monitoring/alerts.test.yaml"), &tests).map_err(failed(tests.display().to_string()))?;
    for (what, arguments, path) in [
        ("alerts", ["check", "rules"].as_slice(), alerts.as_path()),
        ("alerts: unit tests", &["test", "rules"], tests.as_path()),
        ("Prometheus", &["check", "config", "--syntax-only"], Path::new("monitoring/prometheus.yml")),
    ] {
        findings.add(what, complaints(program(&promtool, arguments).arg(path))?);
    }
    Ok(())
}

/// Returns the files of a folder with this name, or with this ending if it begins with a dot. There
/// must be at least one.
fn matching(folder: &str, ending: &str) -> Result<Vec<String>, Failure> {
    let path = root().join(folder);
    let files = std::fs::read_dir(&path).map_err(failed(path.display().to_string()))?;
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let wanted = names.filter(|name| if ending.starts_with('.') { name.ends_with(ending) } else { name == ending });
    let mut found: Vec<_> = wanted.map(|name| Path::new(folder).join(name).display().to_string()).collect();
    found.sort();
    if found.is_empty() { Err(Failure(format!("{folder} has no file {ending}"))) } else { Ok(found) }
}
