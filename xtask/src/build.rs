//! Builds what runs.

use crate::run::{Failure, announce, cargo, program, run};
use std::process::Command;

/// The wasm target of the components.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The components and plugins that spin.toml names.
pub(crate) const COMPONENTS: [&str; 5] = ["affiliation", "auth", "documents", "govcarpeta", "ops"];

/// The components that only the tests run.
const GUESTS: [&str; 1] = ["host-probe"];

/// Builds the components, the host, the bridge and the simulator.
pub(crate) fn build() -> Result<(), Failure> {
    components()?;
    announce("building the local host, the bridge and the simulator (wasmtime takes some minutes the first time)");
    run(&mut native("build", &["--bins"]))
}

/// A cargo command on everything that is built for this machine, but this program.
///
/// Always the same packages: cargo unites the features of those it is asked for, and wasmtime, with other features
/// below it, would be built again.
pub(crate) fn native(command: &str, arguments: &[&str]) -> Command {
    let mut command = cargo(&[command, "--release", "--workspace", "--exclude", "xtask"]);
    command.args(arguments);
    command
}

/// Builds the components.
pub(crate) fn components() -> Result<(), Failure> {
    add_target()?;
    announce("building the components");
    let all = COMPONENTS.iter().chain(&GUESTS);
    all.map(|component| cargo(&["wasm", "-p", component])).try_for_each(|mut build| run(&mut build))
}

/// Clippy on everything that is built for wasm.
pub(crate) fn wasm_clippy() -> Command {
    let mut command = cargo(&["clippy", "--release", "--target", TARGET]);
    for component in COMPONENTS.iter().chain(&GUESTS) {
        command.args(["-p", component]);
    }
    command
}

/// Adds the wasm target to the toolchain if it is missing.
pub(crate) fn add_target() -> Result<(), Failure> {
    let installed = program("rustup", &["target", "list", "--installed"]).output();
    match installed {
        Ok(output) if String::from_utf8_lossy(&output.stdout).lines().any(|line| line == TARGET) => Ok(()),
        Ok(_) => {
            announce("adding the wasm target");
            run(&mut program("rustup", &["target", "add", TARGET]))
        }
        // A toolchain without rustup may have the target all the same; the build will tell.
        Err(_) => Ok(()),
    }
}
