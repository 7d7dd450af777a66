//! The domain stays pure: it depends on nothing that could do I/O.

use toml::{Table, Value};

/// Small crates without I/O, clock or randomness.
const ALLOWED: [&str; 4] = ["serde", "serde_json", "thiserror", "uuid"];

fn manifest() -> Table {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("Cargo.toml");
    manifest.parse().expect("TOML")
}

/// The dependencies that are no mere tests' affair, under every target.
fn dependencies(manifest: &Table) -> Vec<&str> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let kinds = tables.flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)));
    kinds.flatten().filter_map(Value::as_table).flat_map(Table::keys).map(String::as_str).collect()
}

#[test]
fn the_domain_depends_on_small_pure_crates_only() {
    let manifest = manifest();
    let names = dependencies(&manifest);
    assert!(!names.is_empty(), "the manifest is read");
    assert!(names.iter().all(|name| ALLOWED.contains(name)), "{names:?} are more than {ALLOWED:?}");
}

#[test]
fn a_dependency_is_found_wherever_it_hides() {
    let manifest = "[dependencies]\na = '1'\n[build-dependencies]\nb = '1'\n[dev-dependencies]\nc = '1'\n\
                    [target.'cfg(unix)'.dependencies]\nd = '1'\n";
    assert_eq!(dependencies(&manifest.parse().expect("TOML")), ["a", "b", "d"]);
}
