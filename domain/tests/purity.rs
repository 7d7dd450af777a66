//! The domain stays pure: it depends on nothing that could do I/O.

#[test]
fn the_domain_depends_on_small_pure_crates_only() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let dependencies = manifest["dependencies"].as_table().expect("dependencies");
    let names: Vec<_> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(names, ["serde_json", "thiserror"]);
}
