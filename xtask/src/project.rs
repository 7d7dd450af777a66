//! The checkout that the commands work on.

use crate::failure::{Failure, failed};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Returns the root of the checkout: the nearest folder with a spin.toml above this package or
/// above the working directory.
///
/// The folder is looked for at run time, so that a checkout that was moved or copied works where it
/// is.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| find().unwrap_or_else(|| PathBuf::from(".")))
}

fn find() -> Option<PathBuf> {
    // `cargo run` and `cargo test` set the variable for the program that they start.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let starts = package.into_iter().chain(std::env::current_dir());
    starts.flat_map(|start| start.ancestors().map(PathBuf::from).collect::<Vec<_>>()).find(|folder| is_root(folder))
}

fn is_root(folder: &Path) -> bool {
    folder.join("spin.toml").is_file() && folder.join("xtask").is_dir()
}

/// Checks that the commands run inside a checkout.
pub(crate) fn check() -> Result<(), Failure> {
    if is_root(root()) {
        return Ok(());
    }
    Err(Failure("no checkout of this project found: change to a folder inside it, and try again".into()))
}

/// Returns the folder of everything that is built or kept for development.
///
/// It does not follow the user's cargo settings: spin.toml and the tests name this folder.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Returns the path of a native program that `cargo build --release` made.
pub(crate) fn built(program: &str) -> String {
    target().join("release").join(program).display().to_string()
}

/// Reads a file of the checkout.
pub(crate) fn text(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(root().join(path)).map_err(failed(path))
}

#[cfg(test)]
mod tests {
    use super::{check, root};

    #[test]
    fn root_is_the_folder_with_spin_toml() {
        assert!(check().is_ok());
        assert!(root().join("xtask/src/project.rs").is_file());
    }
}
