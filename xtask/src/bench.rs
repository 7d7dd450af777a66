//! Benchmarks and chaos: the programs of tests/ that measure and kill.

use crate::build;
use crate::failure::{Failure, failed};
use crate::manifest::Manifest;
use crate::project::{built, root, target};
use crate::run::{announce, cargo, program, run};
use crate::{services, up};
use std::path::PathBuf;

/// Builds everything, starts the servers, and runs chaos.
pub(crate) fn chaos(options: &[&str]) -> Result<(), Failure> {
    build::everything()?;
    services::during(|| run_chaos(options))
}

/// Kills parts of the system while documents pass, or tries faults. The programs must be built and
/// the servers must run.
pub(crate) fn run_chaos(options: &[&str]) -> Result<(), Failure> {
    announce(&format!("chaos {}", options.join(" ")));
    let this = std::env::current_exe().map_err(failed("this program"))?.display().to_string();
    run(program(&built("chaos"), &["--restart", &this]).args(options))
}

/// Builds everything, starts the servers, and runs a benchmark. With `--spin` nothing is built: who
/// compares builds on Spin puts them there.
pub(crate) fn bench(what: &[String]) -> Result<(), Failure> {
    if what.iter().any(|option| option == "--spin") {
        check_built()?;
        up::check_spin()?;
    } else {
        build::everything()?;
    }
    let mut bench = program(&built("bench"), &[]);
    if what.first().is_some_and(|what| what == "guard") {
        bench.env("UNGUARDED_AFFILIATION", unguarded()?);
    }
    services::during(|| {
        announce("measuring");
        run(bench.args(what))
    })
}

/// Checks that the benchmark and the components have been built.
fn check_built() -> Result<(), Failure> {
    let components = Manifest::read()?.components.into_values().map(|component| root().join(component.source));
    let missing = components.chain([PathBuf::from(built("bench"))]).find(|path| !path.is_file());
    missing.map_or(Ok(()), |path| {
        let run = "run `cargo xtask bench`, which builds everything, and try again";
        Err(Failure(format!("{} has not been built: {run}", path.display())))
    })
}

/// Builds the affiliation component that verifies tokens and does nothing else of the guard.
///
/// It is built in a folder of its own, so that it can never be shipped or started from `target`.
fn unguarded() -> Result<PathBuf, Failure> {
    announce(
        "building the affiliation component without rate limits and revocation (the first time with all its dependencies)",
    );
    let folder = target().join("bench-tokens-only");
    let build = ["wasm", "-p", "affiliation", "--features", "bench-tokens-only"];
    run(cargo(&build).arg("--target-dir").arg(&folder))?;
    Ok(folder.join(build::WASM).join("affiliation.wasm"))
}
