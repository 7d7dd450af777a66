//! The domain depends only on crates that cannot do I/O.

use toml::{Table, Value};

/// Small crates without I/O, clock or randomness.
const ALLOWED: [&str; 5] = ["futures-util", "serde", "serde_json", "thiserror", "uuid"];

fn manifest() -> Table {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("Cargo.toml");
    manifest.parse().expect("TOML")
}

/// Returns the names of the dependencies and build dependencies of all targets.
fn dependencies(manifest: &Table) -> Vec<&str> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let kinds = tables.flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)));
    kinds.flatten().filter_map(Value::as_table).flat_map(Table::keys).map(String::as_str).collect()
}

#[test]
fn domain_depends_only_on_allowed_crates() {
    let manifest = manifest();
    let names = dependencies(&manifest);
    assert!(!names.is_empty(), "the manifest has dependencies");
    assert!(names.iter().all(|name| ALLOWED.contains(name)), "allowed are {ALLOWED:?}, found are {names:?}");
}

#[test]
fn dependencies_of_every_kind_and_target_are_found() {
    let manifest = "[dependencies]\na = '1'\n[build-dependencies]\nb = '1'\n[dev-dependencies]\nc = '1'\n\
                    [target.'cfg(unix)'.dependencies]\nd = '1'\n";
    assert_eq!(dependencies(&manifest.parse().expect("TOML")), ["a", "b", "d"]);
}
