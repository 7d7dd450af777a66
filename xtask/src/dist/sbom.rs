//! The software bill of materials, from what cargo says: CycloneDX 1.5 (JSON).
//!
//! It lists every crate that is linked into the bridge or into a component, and those that run
//! while they are built. The same commit always gives the same bytes.

use super::output;
use crate::build::{BRIDGE, TARGET};
use crate::failure::{Failure, failed};
use crate::manifest::Manifest;
use crate::project::text;
use crate::run::{cargo, program};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The platforms that a release is built for.
const PLATFORMS: [&str; 3] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", TARGET];

/// Returns the bill of this version. `time` is in seconds since 1970.
pub(super) fn bill(version: &str, time: u64) -> Result<String, Failure> {
    let mut command = cargo(&["metadata", "--format-version", "1", "--locked"]);
    for platform in PLATFORMS {
        command.args(["--filter-platform", platform]);
    }
    let metadata = serde_json::from_str(&output(&mut command)?).map_err(failed("cargo metadata"))?;
    let components = Manifest::read()?;
    let roots: Vec<_> = components.names().into_iter().chain([BRIDGE]).collect();
    let time = output(&mut program("date", &["--utc", &format!("--date=@{time}"), "+%Y-%m-%dT%H:%M:%SZ"]))?;
    let bill = document(&metadata, &checksums(&text("Cargo.lock")?)?, &roots, version, time.trim());
    serde_json::to_string_pretty(&bill).map(|text| text + "\n").map_err(failed("the bill of materials"))
}

/// Returns the checksums in Cargo.lock by name and version.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>, Failure> {
    let lock: toml::Table = lock.parse().map_err(failed("Cargo.lock"))?;
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let row = |package: &toml::Value| {
        let field = |name| package.get(name)?.as_str().map(str::to_owned);
        Some(((field("name")?, field("version")?), field("checksum")?))
    };
    Ok(packages.filter_map(row).collect())
}

fn document(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    roots: &[&str],
    version: &str,
    time: &str,
) -> Value {
    let packages: BTreeMap<_, _> =
        items(metadata, "/packages").filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let edges: BTreeMap<_, _> =
        items(metadata, "/resolve/nodes").filter_map(|node| Some((node["id"].as_str()?, edges(node)))).collect();
    let is_root = |id: &str| {
        packages[id]["source"].is_null() && roots.contains(&packages[id]["name"].as_str().unwrap_or_default())
    };
    let mut open: Vec<_> = packages.keys().copied().filter(|id| is_root(id)).collect();
    let roots: BTreeSet<_> = open.iter().map(|id| reference(packages[id])).collect();
    let mut used = BTreeSet::new();
    while let Some(id) = open.pop() {
        if used.insert(id) {
            open.extend(edges.get(id).into_iter().flatten());
        }
    }
    let used: BTreeMap<_, _> = used.into_iter().map(|id| (reference(packages[id]), id)).collect();
    let own = format!("pkg:generic/connectivity@{version}");
    let mut dependencies = vec![json!({"ref": own, "dependsOn": roots})];
    dependencies.extend(used.iter().map(|(reference_of, id)| {
        let on: BTreeSet<_> = edges[id].iter().map(|id| reference(packages[id])).collect();
        json!({"ref": reference_of, "dependsOn": on})
    }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": {"type": "application", "bom-ref": own, "purl": own, "name": "connectivity", "version": version,
                "licenses": [{"expression": "Apache-2.0"}]},
        },
        "components": used.values().map(|id| component(packages[id], checksums)).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

/// Returns the packages that a package is linked with or built by.
fn edges(node: &Value) -> Vec<&str> {
    let is_shipped = |dependency: &&Value| items(dependency, "/dep_kinds").any(|kind| kind["kind"] != "dev");
    items(node, "/deps").filter(is_shipped).filter_map(|dependency| dependency["pkg"].as_str()).collect()
}

/// Returns the package URL of a package.
fn reference(package: &Value) -> String {
    let field = |name: &str| package[name].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", field("name"), field("version"))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    let reference = reference(package);
    let mut component = json!({"type": "library", "bom-ref": reference, "purl": reference,
        "name": field("name"), "version": field("version")});
    // Cargo also accepts a slash between licences, SPDX does not.
    let license = field("license").replace(" / ", "/").replace('/', " OR ");
    if !license.is_empty() {
        component["licenses"] = json!([{"expression": license}]);
    }
    if let Some(checksum) = checksums.get(&(field("name"), field("version"))) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_listed_with_its_checksum_and_dependencies() {
        let package = |name: &str, source: Value| json!({"id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0"});
        let dependency = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("bridge", Value::Null), package("linked", json!("registry")),
                package("builds", json!("registry")), package("tests", json!("registry")), package("other", Value::Null)],
            "resolve": {"nodes": [
                {"id": "bridge", "deps": [dependency("linked", Value::Null), dependency("tests", json!("dev"))]},
                {"id": "linked", "deps": [dependency("builds", json!("build"))]},
                {"id": "builds", "deps": []}, {"id": "tests", "deps": []}, {"id": "other", "deps": []},
            ]},
        });
        let lock = "[[package]]\nname = 'linked'\nversion = '1.0.0'\nchecksum = 'abc'\n";
        let bill = document(&metadata, &checksums(lock).expect("TOML"), &["bridge"], "2.0.0", "2026-01-01T00:00:00Z");
        let names: Vec<_> = items(&bill, "/components").map(|component| &component["name"]).collect();
        assert_eq!(names, ["bridge", "builds", "linked"]);
        assert_eq!(bill["components"][2]["hashes"], json!([{"alg": "SHA-256", "content": "abc"}]));
        assert_eq!(bill["components"][2]["licenses"], json!([{"expression": "MIT OR Apache-2.0"}]));
        assert_eq!(bill["dependencies"][0]["dependsOn"], json!(["pkg:cargo/bridge@1.0.0"]));
        assert_eq!(bill["dependencies"][3]["dependsOn"], json!(["pkg:cargo/builds@1.0.0"]));
    }
}
