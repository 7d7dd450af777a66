//! Measuring, as opposed to testing: nothing here passes or fails.

use crate::build;
use crate::run::{Failure, announce, failed, program, run, target};
use crate::services;

/// Builds and starts what chaos needs, and lets it loose.
pub(crate) fn chaos(options: &[&str]) -> Result<(), Failure> {
    build::build()?;
    let started = services::start()?;
    let result = unleash(options);
    if started {
        services::stop()?;
    }
    result
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
    let started = services::start()?;
    announce("measuring");
    let result = run(program(&target().join("release/bench").display().to_string(), &[]).args(what));
    if started {
        services::stop()?;
    }
    result
}
