//! The application's manifest, spin.toml.

use crate::servers::root;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// Returns the parsed manifest.
pub fn manifest() -> Table {
    std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml").parse().expect("TOML")
}

/// Returns the routes with their components.
pub fn routes() -> Vec<(String, String)> {
    let manifest = manifest();
    let triggers = manifest["trigger"]["http"].as_array().expect("triggers");
    let text = |trigger: &Value, name: &str| trigger[name].as_str().expect("a text").to_owned();
    triggers.iter().map(|trigger| (text(trigger, "route"), text(trigger, "component"))).collect()
}

/// Returns the components that have a route.
pub fn routed_components() -> BTreeSet<String> {
    routes().into_iter().map(|(_, component)| component).collect()
}
