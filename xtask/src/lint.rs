//! Formatting and lints.

use crate::build::{add_target, native, wasm_clippy};
use crate::run::{Failure, announce, cargo, program, run};
use crate::{api, deploy};
use clap::Subcommand;

/// What is checked by itself.
#[derive(Subcommand)]
pub(crate) enum Part {
    /// Validates the API's document, runs the application here and compares it with what the document says of it:
    /// generated requests may find no server error, and no answer that is not in the document.
    ///
    /// The tools are installed into target/. What cannot be had is skipped, loudly.
    Api,
    /// Renders every environment of k8s/ and checks it: against schemas, against the table of environments, and what
    /// must hold between the files. Checks workflows, images, compose files, scripts and alerts too.
    ///
    /// The tools are installed into target/, and promtool by Debian's package manager. What cannot be had is skipped,
    /// loudly.
    Deploy(deploy::Options),
}

/// Checks one part.
pub(crate) fn part(part: &Part) -> Result<(), Failure> {
    match part {
        Part::Api => api::lint(),
        Part::Deploy(options) => deploy::lint(options),
    }
}

/// Checks everything; warnings are errors.
pub(crate) fn lint() -> Result<(), Failure> {
    announce("formatting");
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    add_target()?;
    announce("clippy");
    let deny = ["--", "-D", "warnings"];
    run(native("clippy", &["--all-targets"]).args(deny))?;
    run(cargo(&["clippy", "--release", "-p", "xtask", "--all-targets"]).args(deny))?;
    run(wasm_clippy().args(deny))?;
    for (tool, arguments) in [("cargo-deny", &["deny", "check"][..]), ("cargo-machete", &["machete"][..])] {
        let there = program(tool, &["--version"]).output().is_ok_and(|output| output.status.success());
        if there {
            announce(tool);
            run(&mut cargo(arguments))?;
        } else {
            announce(&format!("SKIPPED: {tool} is not installed (cargo install {tool})"));
        }
    }
    Ok(())
}
