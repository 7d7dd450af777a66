//! Measuring, as opposed to testing: nothing here passes or fails.

use crate::build;
use crate::run::{Failure, announce, cargo, failed, program, run, target};
use crate::services;
use std::path::PathBuf;

/// Builds and starts what chaos needs, and lets it loose.
pub(crate) fn chaos(options: &[&str]) -> Result<(), Failure> {
    build::build()?;
    services::during(|| unleash(options))
}

/// Kills what a document passes, while documents pass. Everything is built, and the servers run.
pub(crate) fn unleash(options: &[&str]) -> Result<(), Failure> {
    announce("chaos");
    let this = std::env::current_exe().map_err(failed("this program"))?.display().to_string();
    run(program(&target().join("release/chaos").display().to_string(), &["--restart", &this]).args(options))
}

/// Builds and starts what a benchmark needs, and runs it.
pub(crate) fn bench(what: &[String]) -> Result<(), Failure> {
    build::build()?;
    let mut bench = program(&target().join("release/bench").display().to_string(), &[]);
    if what.first().is_some_and(|what| what == "guard") {
        bench.env("UNGUARDED_AFFILIATION", unguarded()?);
    }
    services::during(|| {
        announce("measuring");
        run(bench.args(what))
    })
}

/// Builds the affiliation component that looks at tokens alone, in a folder of its own: nothing that is shipped or
/// started from `target` can be it.
fn unguarded() -> Result<PathBuf, Failure> {
    announce("building the component without what is measured (the first time, all that it depends on)");
    let folder = target().join("bench-tokens-only");
    let build = ["wasm", "-p", "affiliation", "--features", "bench-tokens-only"];
    run(cargo(&build).arg("--target-dir").arg(&folder))?;
    Ok(folder.join(build::TARGET).join("release/affiliation.wasm"))
}
