//! Tests of registry plugins.

use crate::build::{self, HOST};
use crate::failure::Failure;
use crate::project::built;
use crate::run::{announce, program, run};

/// The program that has the suite.
const SUITE: &str = "plugin-test";

/// Builds what the suite runs, and runs it with these arguments.
pub(crate) fn test(arguments: &[String]) -> Result<(), Failure> {
    build::application(&[HOST, SUITE])?;
    announce("testing the plugin");
    run(program(&built(SUITE), &[]).args(arguments))
}
