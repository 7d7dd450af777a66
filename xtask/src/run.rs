//! Running other programs.

use crate::failure::{Failure, failed};
use crate::project::{root, target};
use std::process::Command;

/// Returns a command that runs a program at the root of the checkout.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).args(arguments);
    command
}

/// Returns a command that runs cargo, the same one that runs this program.
///
/// The variables that cargo set about this package are removed: some build scripts depend on them,
/// and everything above those would be rebuilt when cargo is called by hand and by this program in
/// turn.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments);
    command.env("CARGO_TARGET_DIR", target());
    for (name, _) in std::env::vars_os() {
        let about_us =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if about_us {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end and shows its output.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(failed(shown.clone()))?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_string_lossy).collect();
    Err(Failure(format!("{shown} {} ended with {status}", arguments.join(" "))))
}

/// Prints what is done next.
pub(crate) fn announce(what: &str) {
    println!("==> {what}");
}
