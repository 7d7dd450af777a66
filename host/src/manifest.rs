//! The subset of spin.toml that this host supports. Any other key is rejected by name.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A manifest of version 2.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) spin_manifest_version: u32,
    pub(crate) application: ApplicationTable,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) trigger: Triggers,
    pub(crate) component: BTreeMap<String, Component>,
}

/// `[application]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are parsed only to reject a wrong type")]
pub(crate) struct ApplicationTable {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) authors: Vec<String>,
}

/// `[variables]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`secret` and `description` have no effect here: this host never prints a value")]
pub(crate) struct Variable {
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) secret: bool,
    pub(crate) description: Option<String>,
}

/// `[[trigger.*]]`: only HTTP triggers are supported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Triggers {
    pub(crate) http: Vec<HttpTrigger>,
}

/// `[[trigger.http]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpTrigger {
    pub(crate) route: Route,
    pub(crate) component: String,
}

/// A public path, or no path: a private component is reached by other components only.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Route {
    Path(String),
    Private { private: bool },
}

/// `[component.id]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    pub(crate) source: PathBuf,
    #[serde(default, rename = "description")]
    pub(crate) _description: String,
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(crate) sqlite_databases: Vec<String>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, Dependency>,
    #[serde(default, rename = "build")]
    pub(crate) _build: Option<toml::Table>,
}

/// `[component.id.dependencies]`: another component of the manifest that exports an interface.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dependency {
    pub(crate) component: String,
    #[serde(default)]
    pub(crate) inherit_configuration: Inherit,
}

/// The parts of its importer's configuration that a dependency may use.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Inherit {
    AllOrNothing(bool),
    Some(Vec<String>),
}

impl Default for Inherit {
    fn default() -> Self {
        Self::AllOrNothing(false)
    }
}

impl Inherit {
    /// Returns whether the dependency inherits this part of the configuration.
    pub(crate) fn includes(&self, part: &str) -> bool {
        match self {
            Self::AllOrNothing(all) => *all,
            Self::Some(parts) => parts.iter().any(|inherited| inherited == part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "a"
        [[trigger.http]]
        route = "/..."
        component = "c"
        [component.c]
        source = "c.wasm"
    "#;

    #[test]
    fn unknown_keys_are_rejected_by_name() {
        assert!(toml::from_str::<Manifest>(GOOD).is_ok());
        for (extra, name) in [
            ("files = []", "files"),
            ("ai_models = []", "ai_models"),
            ("environment = {}", "environment"),
            ("key_value_stores = [\"default\"]", "key_value_stores"),
        ] {
            let error = toml::from_str::<Manifest>(&format!("{GOOD}\n{extra}")).expect_err("an error").to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
