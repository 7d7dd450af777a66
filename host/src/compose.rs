//! Composes components with the dependencies that they import, using `wac-graph` as Spin does.

use crate::manifest::{Component, Dependency};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

/// Why a component cannot be composed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    /// The wasm file cannot be read.
    #[error("{path} cannot be read ({cause}): build the components first, with `cargo xtask build` or `spin build`")]
    Source { path: PathBuf, cause: std::io::Error },
    /// A dependency names a component that the manifest does not declare.
    #[error(
        "component {component}: the dependency {name} names the component {target}, which the manifest does not declare"
    )]
    NoSuchComponent { component: String, name: String, target: String },
    /// The dependency imports an interface whose configuration it does not inherit.
    #[error("component {component}: the dependency {name} imports {import}: add {part:?} to its inherit_configuration")]
    NotInherited { component: String, name: String, import: String, part: &'static str },
    /// `wac-graph` cannot compose them.
    #[error("component {component}: {cause}")]
    Graph { component: String, cause: String },
}

/// Prefixes of interfaces, and the part of the configuration that a dependency must inherit to
/// import them.
const PARTS: [(&str, &str); 6] = [
    ("spin:variables/", "variables"),
    ("spin:sqlite/", "sqlite_databases"),
    ("spin:key-value/", "key_value_stores"),
    ("spin:mysql/", "allowed_outbound_hosts"),
    ("spin:redis/", "allowed_outbound_hosts"),
    ("wasi:http/client@", "allowed_outbound_hosts"),
];

/// Returns the bytes of the component `id` composed with its dependencies.
pub(crate) fn compose(id: &str, all: &BTreeMap<String, Component>, folder: &Path) -> Result<Vec<u8>, ComposeError> {
    let component = &all[id];
    let socket = read(&folder.join(&component.source))?;
    if component.dependencies.is_empty() {
        return Ok(socket);
    }
    let graph_error = |cause: String| ComposeError::Graph { component: id.to_owned(), cause };
    let mut graph = CompositionGraph::new();
    let package = Package::from_bytes(&format!("app:{id}"), None, socket, graph.types_mut());
    let package = graph.register_package(package.map_err(|cause| graph_error(format!("{cause:#}")))?);
    let package = package.map_err(|cause| graph_error(cause.to_string()))?;
    let instance = graph.instantiate(package);
    for (name, dependency) in &component.dependencies {
        let bytes = plug(id, name, dependency, all, folder)?;
        let plug = Package::from_bytes(&format!("dependency:{}", dependency.component), None, bytes, graph.types_mut());
        let plug = plug.map_err(|cause| graph_error(format!("{cause:#}")))?;
        check_inherited(id, name, dependency, &plug, &graph)?;
        let plug = graph.register_package(plug).map_err(|cause| graph_error(cause.to_string()))?;
        let plug = graph.instantiate(plug);
        let export = graph.alias_instance_export(plug, name).map_err(|cause| graph_error(cause.to_string()))?;
        graph
            .set_instantiation_argument(instance, name, export)
            .map_err(|cause| graph_error(format!("{name}: {cause}")))?;
    }
    let exports: Vec<String> = graph.types()[graph[package].ty()].exports.keys().cloned().collect();
    for name in exports {
        let export = graph.alias_instance_export(instance, &name).map_err(|cause| graph_error(cause.to_string()))?;
        graph.export(export, &name).map_err(|cause| graph_error(cause.to_string()))?;
    }
    graph.encode(EncodeOptions::default()).map_err(|cause| graph_error(format!("{cause:#}")))
}

fn plug(
    id: &str,
    name: &str,
    dependency: &Dependency,
    all: &BTreeMap<String, Component>,
    folder: &Path,
) -> Result<Vec<u8>, ComposeError> {
    let target = all.get(&dependency.component).ok_or_else(|| ComposeError::NoSuchComponent {
        component: id.to_owned(),
        name: name.to_owned(),
        target: dependency.component.clone(),
    })?;
    read(&folder.join(&target.source))
}

/// Checks that the dependency inherits what it imports. Spin has such an import fail at run time
/// instead.
fn check_inherited(
    id: &str,
    name: &str,
    dependency: &Dependency,
    plug: &Package,
    graph: &CompositionGraph,
) -> Result<(), ComposeError> {
    for import in graph.types()[plug.ty()].imports.keys() {
        let part = PARTS.iter().find(|(prefix, _)| import.starts_with(prefix)).map(|(_, part)| *part);
        if let Some(part) = part.filter(|part| !dependency.inherit_configuration.includes(part)) {
            let (component, name, import) = (id.to_owned(), name.to_owned(), import.clone());
            return Err(ComposeError::NotInherited { component, name, import, part });
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, ComposeError> {
    std::fs::read(path).map_err(|cause| ComposeError::Source { path: path.to_owned(), cause })
}
