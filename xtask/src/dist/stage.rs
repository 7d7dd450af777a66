//! The files of the application.

use super::archive::Archive;
use crate::build::WASM;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::project::{root, text};

/// The files and folders that are packaged as they are.
const AS_THEY_ARE: [&str; 7] =
    ["CHANGELOG.md", "LICENSE", "docs", "k8s", "migrations/mysql", "migrations/sqlite", "monitoring"];

/// Adds the components, spin.toml, and what an operator needs beside them.
pub(super) fn application(archive: &Archive) -> Result<(), Failure> {
    archive.put("spin.toml", shipped(&text("spin.toml")?).as_bytes(), false)?;
    archive.put("README.md", text("docs/install.md")?.replace("](", "](docs/").as_bytes(), false)?;
    for (name, component) in Manifest::read()?.components {
        archive.add(&root().join(component.source), &format!("components/{name}.wasm"))?;
    }
    archive.add_tracked(&AS_THEY_ARE)
}

/// Returns the manifest with the components beside it, and without the commands that build them.
fn shipped(manifest: &str) -> String {
    let sources = manifest.replace(&format!("target/{WASM}/"), "components/");
    let mut kept = Vec::new();
    let mut is_build = false;
    for line in sources.lines() {
        if line.starts_with('[') || line.starts_with('#') {
            is_build = line.starts_with("[component.") && line.ends_with(".build]");
        }
        if !is_build {
            kept.push(line);
        }
    }
    kept.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::shipped;
    use crate::project::text;
    use toml::Table;

    #[test]
    fn shipped_manifest_differs_in_sources_and_build_commands_only() {
        let original = text("spin.toml").expect("spin.toml");
        let mut expected: Table = original.parse().expect("TOML");
        for (name, component) in expected["component"].as_table_mut().expect("components") {
            component["source"] = format!("components/{name}.wasm").into();
            component.as_table_mut().expect("a component").remove("build").expect("a command");
        }
        let shipped = shipped(&original);
        assert_eq!(shipped.parse::<Table>().expect("TOML"), expected);
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(comments(&shipped), comments(&original));
    }
}
