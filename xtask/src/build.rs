//! Builds what the commands run, and no more.

use crate::failure::{Failure, failed};
use crate::manifest::Manifest;
use crate::project::target;
use crate::run::{announce, cargo, program, run, say};
use std::process::Command;
use std::time::Instant;

/// The wasm target of the components.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The folder of a wasm component below a target folder.
pub(crate) const WASM: &str = "wasm32-wasip2/release";

/// The components that only the tests run: the one of tests/guest/spin.toml, a minimal registry
/// plugin, and two hostile ones.
const TEST_COMPONENTS: [&str; 4] = ["host-probe", "static-registry", "hostile-registry", "greedy-registry"];

/// Runs spin.toml where Spin is not installed.
pub(crate) const HOST: &str = "connectivity-host";
/// Connects RabbitMQ with the components.
pub(crate) const BRIDGE: &str = "connectivity-bridge";
/// Simulates the registry.
pub(crate) const SIMULATOR: &str = "govcarpeta-simulator";

/// Builds the components of spin.toml and these native programs.
pub(crate) fn application(programs: &[&str]) -> Result<(), Failure> {
    at_once(&[], || native_programs(programs))
}

/// Builds everything that the tests, the benchmarks and chaos run.
pub(crate) fn everything() -> Result<(), Failure> {
    at_once(&TEST_COMPONENTS, || timed("all native programs", || run(&mut native("build", &["--bins"]))))
}

/// Builds the components and plugins of spin.toml.
pub(crate) fn components() -> Result<(), Failure> {
    at_once(&[], || Ok(()))
}

/// Builds the components, these test components and native programs at the same time.
///
/// The link-time optimisation of a component uses one core. The native build uses the others.
fn at_once(guests: &[&str], native: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let manifest = Manifest::read()?;
    add_target(TARGET)?;
    if !target().join(WASM).is_dir() {
        announce("the first build takes several minutes, because it compiles a WebAssembly runtime");
    }
    let mut builds = Vec::new();
    for (name, component) in &manifest.components {
        builds.push((name.as_str(), component.build()?));
    }
    builds.extend(guests.iter().map(|guest| (*guest, cargo(&["wasm", "-p", guest]))));
    std::thread::scope(|scope| {
        let wasm = scope.spawn(|| wasm(builds));
        let native = native();
        let wasm = wasm.join().unwrap_or_else(|_| Err(Failure("building the components panicked".into())));
        wasm.and(native)
    })
}

/// Runs the builds of components, and puts their files to where spin.toml expects them.
///
/// Cargo locks its target folder during a build, so that the components are built in one of their own.
/// Nothing is built twice for it: link-time optimisation needs a build of each dependency anyway.
fn wasm(builds: Vec<(&str, Command)>) -> Result<(), Failure> {
    let own = target().join("wasm");
    for (name, mut build) in builds {
        timed(&format!("the component {name}"), || run(build.arg("--quiet").env("CARGO_TARGET_DIR", &own)))?;
    }
    let (from, to) = (own.join(WASM), target().join(WASM));
    std::fs::create_dir_all(&to).map_err(failed(to.display().to_string()))?;
    for entry in std::fs::read_dir(&from).map_err(failed(from.display().to_string()))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            std::fs::copy(&path, to.join(entry.file_name())).map_err(failed(path.display().to_string()))?;
        }
    }
    Ok(())
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
    say!("    built {what} in {} s", started.elapsed().as_secs());
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
    let mut command = cargo(&["clippy", "--release", "--target", TARGET]);
    for component in manifest.names().into_iter().chain(TEST_COMPONENTS) {
        command.args(["-p", component]);
    }
    Ok(command)
}

/// Adds a target to the toolchain if it is missing.
pub(crate) fn add_target(target: &str) -> Result<(), Failure> {
    let installed = program("rustup", &["target", "list", "--installed"]).output();
    match installed {
        Ok(output) if String::from_utf8_lossy(&output.stdout).lines().any(|line| line == target) => Ok(()),
        Ok(_) => {
            announce(&format!("adding the target {target} to the toolchain"));
            run(&mut program("rustup", &["target", "add", target]))
        }
        // A toolchain without rustup may have the target anyway; otherwise the build fails and says
        // so.
        Err(_) => Ok(()),
    }
}
