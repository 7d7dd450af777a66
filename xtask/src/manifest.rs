//! spin.toml, the only list of the application's components.

use crate::failure::{Failure, failed};
use crate::project::text;
use crate::run::cargo;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// What the commands need of spin.toml.
#[derive(Deserialize)]
pub(crate) struct Manifest {
    /// The components and plugins by name.
    #[serde(rename = "component")]
    pub(crate) components: BTreeMap<String, Component>,
    /// The variables by name.
    pub(crate) variables: toml::Table,
}

/// A component or a plugin. Its name is also the name of its package.
#[derive(Deserialize)]
pub(crate) struct Component {
    /// The wasm file, from the root of the checkout.
    pub(crate) source: PathBuf,
    build: Build,
}

#[derive(Deserialize)]
struct Build {
    command: String,
}

impl Manifest {
    /// Reads spin.toml.
    pub(crate) fn read() -> Result<Self, Failure> {
        toml::from_str(&text("spin.toml")?).map_err(failed("spin.toml"))
    }

    /// Returns the names of all components and plugins.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.components.keys().map(String::as_str).collect()
    }
}

impl Component {
    /// Returns the command that builds the component: the one that `spin build` runs.
    pub(crate) fn build(&self) -> Result<Command, Failure> {
        let mut words = self.build.command.split_whitespace();
        if words.next() != Some("cargo") {
            let command = &self.build.command;
            return Err(Failure(format!("spin.toml: the build command `{command}` must start with `cargo`")));
        }
        Ok(cargo(&words.collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::root;
    use std::collections::BTreeSet;
    use toml::{Table, Value};

    fn table(path: &str) -> Table {
        text(path).expect(path).parse().expect("TOML")
    }

    fn texts<'a>(values: &'a Value, key: Option<&str>) -> BTreeSet<&'a str> {
        let values = values.as_array().expect("an array").iter();
        values.map(|value| key.map_or(value, |key| &value[key]).as_str().expect("a string")).collect()
    }

    /// The components that answer requests, except `ops`: those that `ops` asks whether they are
    /// ready.
    fn probed(manifest: &Table) -> BTreeSet<&str> {
        let routed = texts(&manifest["trigger"]["http"], Some("component"));
        routed.into_iter().filter(|component| *component != "ops").collect()
    }

    #[test]
    fn every_component_has_a_package_of_its_name() {
        for name in Manifest::read().expect("spin.toml").names() {
            let package = table(&format!("components/{name}/Cargo.toml"));
            assert_eq!(package["package"]["name"].as_str(), Some(name));
        }
    }

    #[test]
    fn every_build_command_builds_the_source() {
        for (name, component) in Manifest::read().expect("spin.toml").components {
            assert_eq!(component.build.command, format!("cargo wasm -p {name}"));
            assert_eq!(component.source, PathBuf::from(format!("target/{}/{name}.wasm", crate::build::WASM)));
        }
    }

    #[test]
    fn ops_may_call_every_component_with_a_route() {
        let manifest = table("spin.toml");
        let hosts = texts(&manifest["component"]["ops"]["allowed_outbound_hosts"], None);
        let callees = hosts.iter().filter_map(|host| host.strip_prefix("http://")?.strip_suffix(".spin.internal"));
        assert_eq!(callees.collect::<BTreeSet<_>>(), probed(&manifest));
    }

    #[test]
    fn readiness_asks_every_component_with_a_route() {
        let manifest = table("spin.toml");
        let folder = root().join("components/ops/src");
        let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let sources = files.filter_map(|path| std::fs::read_to_string(path).ok()).collect::<String>();
        let (_, list) = sources.split_once("const COMPONENTS: ").expect("the list of components in components/ops");
        let list = list.split_once("= ").and_then(|(_, list)| list.split_once(';')).expect("its value").0;
        let names = list.split('"').skip(1).step_by(2).collect::<BTreeSet<_>>();
        assert_eq!(names, probed(&manifest));
    }
}
