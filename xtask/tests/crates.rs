//! The direction of the crates: each depends only on those below it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const DOMAIN: &str = "connectivity-domain";
const MIGRATIONS: &str = "connectivity-migrations";
const RUNTIME: &str = "connectivity-runtime";
const STORAGE: &str = "connectivity-storage";
const REGISTRY: &str = "connectivity-registry";
const REGISTRY_HTTP: &str = "connectivity-registry-http";
const EDGE: &str = "connectivity-edge";
const JOBS: &str = "connectivity-jobs";
const TLS: &str = "connectivity-tls";
const SIMULATOR: &str = "govcarpeta-simulator";

/// What the components may depend on.
const BELOW_COMPONENTS: &[&str] = &[DOMAIN, RUNTIME, STORAGE, REGISTRY, EDGE];

/// What the component of a job may depend on.
const BELOW_JOBS: &[&str] = &[DOMAIN, RUNTIME, STORAGE, REGISTRY, EDGE, JOBS];

/// The crates, each with the crates of this workspace that it may depend on.
const TABLE: [(&str, &[&str]); 24] = [
    (DOMAIN, &[]),
    (TLS, &[]),
    (MIGRATIONS, &[TLS]),
    (RUNTIME, &[DOMAIN]),
    // SQLite applies the migrations when an instance first opens the database.
    (STORAGE, &[DOMAIN, RUNTIME, MIGRATIONS]),
    (REGISTRY, &[DOMAIN, RUNTIME, STORAGE]),
    (REGISTRY_HTTP, &[DOMAIN, RUNTIME]),
    (EDGE, &[DOMAIN, RUNTIME, STORAGE]),
    (JOBS, BELOW_COMPONENTS),
    ("affiliation", BELOW_COMPONENTS),
    ("auth", BELOW_COMPONENTS),
    ("documents", BELOW_JOBS),
    ("ops", BELOW_COMPONENTS),
    ("govcarpeta", &[DOMAIN, RUNTIME, REGISTRY_HTTP]),
    ("greedy-registry", &[]),
    ("hostile-registry", &[]),
    ("static-registry", &[]),
    ("connectivity-api", &[EDGE, "affiliation", "auth", "documents", "ops"]),
    ("connectivity-bridge", &[DOMAIN, MIGRATIONS, TLS]),
    ("connectivity-host", &[TLS]),
    ("host-probe", &[DOMAIN, RUNTIME, STORAGE, EDGE]),
    (SIMULATOR, &[]),
    ("connectivity-tests", &[MIGRATIONS, SIMULATOR]),
    ("xtask", &[]),
];

/// External crates, and the only crates of this workspace that may depend on them.
const RESTRICTED: [(&str, &[&str]); 8] = [
    ("wasmtime", &["connectivity-host"]),
    ("wasmtime-wasi", &["connectivity-host"]),
    ("wasmtime-wasi-http", &["connectivity-host"]),
    ("lapin", &["connectivity-bridge", "connectivity-tests"]),
    ("rusqlite", &["connectivity-host", MIGRATIONS, "connectivity-tests"]),
    ("mysql_async", &["connectivity-host", MIGRATIONS, TLS, "connectivity-tests"]),
    ("axum", &[EDGE, JOBS, "affiliation", "auth", "ops", "connectivity-bridge", SIMULATOR, "connectivity-tests"]),
    ("jsonwebtoken", &[EDGE, JOBS, "affiliation", "auth", "connectivity-bridge", "host-probe", "connectivity-tests"]),
];

fn root() -> PathBuf {
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    Path::new(&package).parent().expect("the workspace").to_owned()
}

/// Returns the packages of the workspace with the names of their dependencies.
fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root());
    let output = command.output().expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
            (name(package), dependencies.map(name).collect())
        })
        .collect()
}

/// Returns the Rust files of a folder and of those below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Returns the files that contain any of these texts, from the root of the checkout.
fn files_with(folder: &str, texts: &[&str]) -> Vec<String> {
    let contains = |path: &PathBuf| {
        let source = std::fs::read_to_string(path).expect("UTF-8");
        texts.iter().any(|text| source.contains(text))
    };
    let files = sources(&root().join(folder)).into_iter().filter(contains);
    files.map(|path| path.strip_prefix(root()).expect("below the root").display().to_string()).collect()
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let packages = packages();
    for (package, dependencies) in &packages {
        let row = TABLE.iter().find(|(name, _)| name == package);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{package}: add a row to the table in {}", file!()));
        let ours = dependencies.iter().filter(|name| packages.contains_key(*name) && *name != package);
        let wrong: Vec<_> = ours.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{package} must not depend on {wrong:?}");
    }
}

#[test]
fn external_crates_are_used_only_where_they_belong() {
    for (package, dependencies) in packages() {
        for (external, users) in RESTRICTED {
            let is_allowed = users.contains(&package.as_str());
            assert!(is_allowed || !dependencies.contains(external), "{package} must not depend on {external}");
        }
    }
}

#[test]
fn lapin_is_named_in_one_module_of_the_bridge() {
    let files = files_with("bridge/src", &["lapin::"]);
    assert!(!files.is_empty());
    let is_client = |file: &String| file == "bridge/src/amqp.rs" || file.starts_with("bridge/src/amqp/");
    assert!(files.iter().all(is_client), "{files:?}");
}

#[test]
fn wasmtime_is_named_only_in_the_host() {
    for folder in ["bridge", "components", "crates", "domain", "migrations", "tests"] {
        assert_eq!(files_with(folder, &["wasmtime::", "wasmtime_wasi"]), [""; 0], "{folder}");
    }
}
