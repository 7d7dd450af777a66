//! Builds what the commands run, and no more.

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::run::{announce, cargo, program, run};
use std::process::Command;
use std::time::Instant;

/// The wasm target of the components.
const TARGET: &str = "wasm32-wasip2";

/// The folder of a wasm component below a target folder.
pub(crate) const WASM: &str = "wasm32-wasip2/release";

/// The component that only the tests run (tests/guest/spin.toml).
const GUEST: &str = "host-probe";

/// Runs spin.toml where Spin is not installed.
pub(crate) const HOST: &str = "connectivity-host";
/// Connects RabbitMQ with the components.
pub(crate) const BRIDGE: &str = "connectivity-bridge";
/// Simulates the registry.
pub(crate) const SIMULATOR: &str = "govcarpeta-simulator";

/// Builds the components of spin.toml and these native programs.
pub(crate) fn application(programs: &[&str]) -> Result<(), Failure> {
    components()?;
    native_programs(programs)
}

/// Builds everything that the tests, the benchmarks and chaos run.
pub(crate) fn everything() -> Result<(), Failure> {
    components()?;
    timed("the test component", || run(&mut cargo(&["wasm", "-p", GUEST])))?;
    timed("all native programs", || run(&mut native("build", &["--bins"])))
}

/// Builds the components and plugins of spin.toml.
pub(crate) fn components() -> Result<(), Failure> {
    let manifest = Manifest::read()?;
    add_target()?;
    announce("the first build takes several minutes; later ones build only what has changed");
    let names = manifest.names().join(", ");
    timed(&format!("the WebAssembly components ({names})"), || {
        manifest.components.values().try_for_each(|component| run(&mut component.build()?))
    })
}

/// Builds these native programs.
pub(crate) fn native_programs(names: &[&str]) -> Result<(), Failure> {
    let mut command = native("build", &[]);
    for name in names {
        command.args(["--bin", name]);
    }
    timed(&format!("the native programs ({})", names.join(", ")), || run(&mut command))
}

/// Announces a build, runs it, and prints how long it took.
fn timed(what: &str, build: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    announce(&format!("building {what}"));
    let started = Instant::now();
    build()?;
    println!("    built in {} s", started.elapsed().as_secs());
    Ok(())
}

/// Returns a cargo command on all native packages except this one.
///
/// Always select the same packages, and choose what is built with `--bin`, `--bins` or `--test`:
/// cargo unites the features of all selected packages, and with another selection it would build
/// wasmtime and a hundred other crates a second time with slightly different features.
pub(crate) fn native(command: &str, arguments: &[&str]) -> Command {
    let mut command = cargo(&[command, "--release", "--workspace", "--exclude", "xtask"]);
    command.args(arguments);
    command
}

/// Returns a clippy command on everything that is built for wasm.
pub(crate) fn wasm_clippy() -> Result<Command, Failure> {
    let manifest = Manifest::read()?;
    let mut command = cargo(&["clippy", "--release", "--target", TARGET, "-p", GUEST]);
    for component in manifest.names() {
        command.args(["-p", component]);
    }
    Ok(command)
}

/// Adds the wasm target to the toolchain if it is missing.
pub(crate) fn add_target() -> Result<(), Failure> {
    let installed = program("rustup", &["target", "list", "--installed"]).output();
    match installed {
        Ok(output) if String::from_utf8_lossy(&output.stdout).lines().any(|line| line == TARGET) => Ok(()),
        Ok(_) => {
            announce(&format!("adding the target {TARGET} to the toolchain"));
            run(&mut program("rustup", &["target", "add", TARGET]))
        }
        // A toolchain without rustup may have the target anyway; otherwise the build fails and says
        // so.
        Err(_) => Ok(()),
    }
}
