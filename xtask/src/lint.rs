//! Formatting and lints.

use crate::build::{add_target, native, wasm};
use crate::run::{Failure, announce, cargo, program, run};

/// Checks everything; warnings are errors.
pub(crate) fn lint() -> Result<(), Failure> {
    announce("formatting");
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    add_target()?;
    announce("clippy");
    let deny = ["--", "-D", "warnings"];
    run(native("clippy", &["--all-targets"]).args(deny))?;
    run(cargo(&["clippy", "--release", "-p", "xtask", "--all-targets"]).args(deny))?;
    run(wasm("clippy").args(deny))?;
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
