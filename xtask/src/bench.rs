//! Measuring, as opposed to testing: nothing here passes or fails.

use crate::build;
use crate::run::{Failure, announce, program, run, target};
use crate::services;

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
