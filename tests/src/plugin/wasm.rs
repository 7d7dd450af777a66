//! What a wasm file imports and exports.

use wasmparser::{Parser, Payload};

/// The packages that a plugin may import from: time, randomness, streams and standard error, and
/// HTTP. The hosts that it may reach are those that it inherits. `wasi:filesystem` is what Rust's
/// standard library imports; a plugin has no directory.
const ALLOWED: [&str; 7] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "connectivity:registry/",
];

/// The interfaces of a component.
pub(super) struct Interfaces {
    imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

impl Interfaces {
    /// Returns the imports that give a plugin more than it may have.
    pub(super) fn foreign_imports(&self) -> Vec<&str> {
        let foreign = |name: &&String| !ALLOWED.iter().any(|package| name.starts_with(package));
        self.imports.iter().filter(foreign).map(String::as_str).collect()
    }

    /// Returns whether the plugin asks its registry over HTTP.
    pub(super) fn uses_http(&self) -> bool {
        self.imports.iter().any(|name| name.starts_with("wasi:http/client@"))
    }
}

/// Returns the interfaces of a component; `None` if the bytes are none.
pub(super) fn interfaces(bytes: &[u8]) -> Option<Interfaces> {
    if !Parser::is_component(bytes) {
        return None;
    }
    let mut interfaces = Interfaces { imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    interfaces.imports.push(import.ok()?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    interfaces.exports.push(export.ok()?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Some(interfaces)
}
