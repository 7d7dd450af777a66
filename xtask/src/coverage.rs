//! How much of what runs natively the tests reach. What runs as wasm is reached too, but cannot be counted.

use crate::build::{self, native};
use crate::run::{Failure, announce, cargo, failed, program, run, target};
use crate::services;
use std::process::Command;

/// What is measured is what is shipped: not the tests, their fakes, and these tasks.
const LEFT_OUT: &str = r"/(tests|xtask)/|/(tests|fakes)\.rs$";

/// Nor what only calls the host: it runs as wasm alone, where the scenarios reach it and nothing counts.
const ONLY_WASM: &str = r"/kit/src/(cache|database)(/|\.rs$)|/kit/src/token/fetch\.rs$|/govcarpeta/src/(breaker|call|exchange)\.rs$|/(affiliation|documents)/src/settings\.rs$";

/// Builds the crates of this workspace instrumented, runs the tests, and writes the reports.
pub(crate) fn coverage(fail_under: u8) -> Result<(), Failure> {
    let environment = instrumented()?;
    // Cargo does not see that a crate is to be instrumented: what was built before would be taken as it is.
    clean(&environment)?;
    // Before the environment says so: wasm has no profiler.
    build::components()?;
    let result = services::during(|| measure(&environment, fail_under));
    // Nor that it no longer is.
    clean(&environment)?;
    result
}

/// The environment says where: without it another folder is cleaned, which is not there.
fn clean(environment: &[(String, String)]) -> Result<(), Failure> {
    run_in(environment, cargo(&["llvm-cov", "clean", "--workspace"]))
}

fn run_in(environment: &[(String, String)], mut command: Command) -> Result<(), Failure> {
    run(command.envs(environment.iter().map(|(name, value)| (name, value))))
}

fn measure(environment: &[(String, String)], fail_under: u8) -> Result<(), Failure> {
    let with = |command| run_in(environment, command);
    announce("tests, instrumented");
    // The scenarios start these programs, so these are instrumented too.
    with(native("build", &["--bins"]))?;
    with(native("test", &["--no-fail-fast"]))?;
    let folder = target().join("coverage");
    std::fs::create_dir_all(&folder).map_err(failed(folder.display().to_string()))?;
    let shown = folder.display().to_string();
    let file = |name: &str| format!("{shown}/{name}");
    let left_out = format!("{LEFT_OUT}|{ONLY_WASM}");
    let report = |arguments: &[&str]| {
        let mut command = cargo(&["llvm-cov", "report", "--release", "--ignore-filename-regex", &left_out]);
        command.args(arguments);
        with(command)
    };
    announce("reports");
    report(&["--html", "--output-dir", &shown])?;
    report(&["--cobertura", "--output-path", &file("cobertura.xml")])?;
    report(&["--lcov", "--output-path", &file("lcov.info")])?;
    report(&["--summary-only", "--fail-under-lines", &fail_under.to_string()])
}

/// The variables with which cargo builds instrumented programs.
fn instrumented() -> Result<Vec<(String, String)>, Failure> {
    // A toolchain without rustup may have them all the same.
    let _ = program("rustup", &["component", "add", "llvm-tools"]).status();
    let output = cargo(&["llvm-cov", "show-env"]).output().map_err(failed("cargo llvm-cov"))?;
    if !output.status.success() {
        return Err(Failure(format!(
            "cargo-llvm-cov is needed (cargo install cargo-llvm-cov): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    Ok(variables(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines such as NAME=value or NAME='value'.
fn variables(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn variables_are_read_with_and_without_quotes() {
        let read = variables("RUSTFLAGS='-C instrument-coverage --cfg=coverage'\nCARGO_LLVM_COV=1\n");
        let expected = [("RUSTFLAGS", "-C instrument-coverage --cfg=coverage"), ("CARGO_LLVM_COV", "1")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
