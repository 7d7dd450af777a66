//! The conformance suite for registry plugins. It runs on any wasm file that exports a capability
//! of `connectivity:registry`: first on the file itself, then on the application with the plugin in
//! it.

mod answers;
mod wasm;

use crate::client::Client;
use crate::folder::{Temporary, temporary};
use crate::host::Host;
use crate::manifest::manifest;
use crate::servers::root;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// How long the tests let the registry of a plugin take for one attempt, in milliseconds, if the
/// plugin has such a setting.
const ATTEMPT_TIMEOUT_MS: &str = "400";

/// What is tested, and what the plugin is expected to answer.
pub struct Subject {
    /// The plugin.
    pub file: PathBuf,
    /// The settings of the plugin, without those that the suite sets itself.
    pub settings: Vec<(String, String)>,
    /// A setting with a value that the plugin has to refuse.
    pub invalid: Option<(String, String)>,
    /// A citizen without an operator.
    pub eligible: String,
    /// A citizen whom an operator has affiliated.
    pub affiliated: String,
    /// A citizen about whom there is no verdict, if the settings can name one.
    pub unavailable: Option<String>,
}

/// The checks so far.
#[derive(Default)]
pub struct Report {
    /// One line per check: `ok …` or `FAILED …`.
    pub lines: Vec<String>,
}

impl Report {
    /// Returns the checks that failed.
    pub fn failures(&self) -> Vec<&str> {
        self.lines.iter().filter(|line| !line.starts_with("ok ")).map(String::as_str).collect()
    }

    fn check(&mut self, what: &str, passed: bool, found: impl std::fmt::Debug) {
        self.lines.push(if passed { format!("ok {what}") } else { format!("FAILED {what}: {found:?}") });
    }
}

/// A capability and the component that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    Citizens,
    Documents,
}

impl Capability {
    pub const ALL: [Self; 2] = [Self::Citizens, Self::Documents];

    pub fn interface(self) -> &'static str {
        match self {
            Self::Citizens => "connectivity:registry/citizens@0.2.0",
            Self::Documents => "connectivity:registry/documents@0.2.0",
        }
    }

    pub fn component(self) -> &'static str {
        match self {
            Self::Citizens => "affiliation",
            Self::Documents => "documents",
        }
    }
}

/// Runs the suite. The components and the local host must be built.
pub async fn test(subject: &Subject) -> Report {
    let mut report = Report::default();
    let bytes = std::fs::read(&subject.file).expect("the plugin's file");
    let Some(interfaces) = wasm::interfaces(&bytes) else {
        report.check("the file is a WebAssembly component", false, &subject.file);
        return report;
    };
    report.check("the file is a WebAssembly component", true, ());
    let capabilities: Vec<_> =
        Capability::ALL.into_iter().filter(|it| interfaces.exports.iter().any(|name| name == it.interface())).collect();
    report.check(
        "it exports a capability of connectivity:registry@0.2.0",
        !capabilities.is_empty(),
        &interfaces.exports,
    );
    let foreign = interfaces.foreign_imports();
    report.check("it imports nothing that a plugin may not use", foreign.is_empty(), foreign);
    if capabilities.is_empty() {
        return report;
    }
    refuses_invalid_settings(subject, &capabilities, &mut report).await;
    answers::test(subject, &capabilities, interfaces.uses_http(), &mut report).await;
    report
}

/// A plugin names the setting that is invalid, and never repeats its value.
async fn refuses_invalid_settings(subject: &Subject, capabilities: &[Capability], report: &mut Report) {
    let Some((name, value)) = &subject.invalid else { return };
    let application = Application::start(subject, capabilities, &[(name.clone(), value.clone())]);
    let ready = Client::default().get(&application.host.url("/health/ready")).await;
    report.check("invalid settings make the application not ready", ready.status == 503, &ready);
    let log = application.host.log();
    let named = log.iter().any(|line| line.contains("\"settings\"") && line.contains(name.as_str()));
    report.check("the log names the setting that is invalid", named, &log);
    let repeated = log.iter().any(|line| line.contains(value.as_str()));
    report.check("the log does not repeat its value", !repeated, &log);
}

/// The application with the plugin in it.
struct Application {
    host: Host,
    _folder: Temporary,
}

impl Application {
    /// Starts the application with these settings of the plugin besides those of the subject.
    fn start(subject: &Subject, capabilities: &[Capability], settings: &[(String, String)]) -> Self {
        let settings: Vec<_> = subject.settings.iter().chain(settings).cloned().collect();
        let names: Vec<_> = settings.iter().map(|(name, _)| name.as_str()).collect();
        let (folder, from) = write(&with_plugin(manifest(), &subject.file, capabilities, &names));
        let mut variables = vec![("registry_timeout_ms", ATTEMPT_TIMEOUT_MS), ("registry_attempts", "1")];
        variables.extend(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Self { host: Host::start(&variables, &["--from", &from]), _folder: folder }
    }
}

/// Writes the manifest to a temporary folder. Returns the folder, and the path of the manifest.
pub fn write(manifest: &Table) -> (Temporary, String) {
    let folder = temporary();
    let path = folder.join("spin.toml");
    std::fs::write(&path, toml::to_string(manifest).expect("TOML")).expect("a manifest");
    (folder, path.display().to_string())
}

/// Returns the manifest with this plugin in place of its own, with these settings of the plugin, and
/// without the components whose capability the plugin does not have.
pub fn with_plugin(mut manifest: Table, file: &Path, capabilities: &[Capability], settings: &[&str]) -> Table {
    for name in settings {
        let variables = manifest["variables"].as_table_mut().expect("variables");
        variables
            .entry((*name).to_owned())
            .or_insert_with(|| Value::Table(Table::from_iter([("default".into(), "".into())])));
    }
    let components = manifest["component"].as_table_mut().expect("components");
    for capability in Capability::ALL {
        if !capabilities.contains(&capability) {
            components.remove(capability.component());
            continue;
        }
        let component = components[capability.component()].as_table_mut().expect("a component");
        let variables = component["variables"].as_table_mut().expect("variables");
        for name in settings {
            variables.insert((*name).to_owned(), format!("{{{{ {name} }}}}").into());
        }
    }
    for (name, component) in components.iter_mut() {
        let source = &mut component.as_table_mut().expect("a component")["source"];
        let relative = source.as_str().expect("a path");
        let path = if name == "govcarpeta" { file.to_owned() } else { root().join(relative) };
        *source = path.canonicalize().expect("a built component").display().to_string().into();
    }
    let components: Vec<String> = components.keys().cloned().collect();
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("triggers");
    triggers.retain(|trigger| components.iter().any(|name| trigger["component"].as_str() == Some(name)));
    manifest
}

/// The longest time that an answer may take while the registry does not answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
