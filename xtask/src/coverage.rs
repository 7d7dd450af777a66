//! `cargo xtask coverage`: the lines of native code that the tests reach.
//!
//! The scenarios run the same code as WebAssembly too, where coverage cannot be measured.

use crate::build::{self, native};
use crate::failure::{Failure, failed};
use crate::project::target;
use crate::run::{announce, cargo, program, run};
use crate::{services, sonar};
use std::process::Command;

/// Builds the crates of this workspace instrumented, runs the tests, and writes the reports.
pub(crate) fn coverage(fail_under: u8) -> Result<(), Failure> {
    let environment = instrumented()?;
    // Cargo does not notice the instrumentation, and would use the crates that were built without
    // it.
    clean(&environment)?;
    // Without the environment, because wasm cannot be instrumented.
    build::components()?;
    let result = services::during(|| measure(&environment, fail_under));
    // Nor does it notice that the instrumentation ends here.
    clean(&environment)?;
    result
}

/// Removes what was built of this workspace. The environment names the folder.
fn clean(environment: &[(String, String)]) -> Result<(), Failure> {
    run_in(environment, cargo(&["llvm-cov", "clean", "--workspace"]))
}

fn run_in(environment: &[(String, String)], mut command: Command) -> Result<(), Failure> {
    run(command.envs(environment.iter().map(|(name, value)| (name, value))))
}

fn measure(environment: &[(String, String)], fail_under: u8) -> Result<(), Failure> {
    let with = |command| run_in(environment, command);
    announce("tests, instrumented");
    // The scenarios start these programs, which are therefore instrumented too.
    with(native("build", &["--bins"]))?;
    with(native("test", &["--no-fail-fast"]))?;
    let folder = target().join("coverage");
    std::fs::create_dir_all(&folder).map_err(failed(folder.display().to_string()))?;
    let shown = folder.display().to_string();
    let file = |name: &str| format!("{shown}/{name}");
    let excluded = sonar::regex(&sonar::coverage_exclusions()?);
    let report = |arguments: &[&str]| {
        let mut command = cargo(&["llvm-cov", "report", "--release", "--ignore-filename-regex", &excluded]);
        command.args(arguments);
        with(command)
    };
    announce("reports");
    report(&["--html", "--output-dir", &shown])?;
    report(&["--cobertura", "--output-path", &file("cobertura.xml")])?;
    report(&["--lcov", "--output-path", &file("lcov.info")])?;
    report(&["--summary-only", "--fail-under-lines", &fail_under.to_string()])
}

/// Returns the variables with which cargo builds instrumented programs.
fn instrumented() -> Result<Vec<(String, String)>, Failure> {
    // A toolchain without rustup may have the component anyway.
    let _ = program("rustup", &["component", "add", "llvm-tools"]).status();
    let output = cargo(&["llvm-cov", "show-env"]).output().map_err(failed("cargo llvm-cov"))?;
    if !output.status.success() {
        return Err(Failure(format!(
            "cargo-llvm-cov is not installed (cargo install cargo-llvm-cov): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    Ok(variables(&String::from_utf8_lossy(&output.stdout)))
}

/// Parses lines such as NAME=value or NAME='value'.
fn variables(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn variables_are_parsed_with_and_without_quotes() {
        let parsed = variables("RUSTFLAGS='-C instrument-coverage --cfg=coverage'\nCARGO_LLVM_COV=1\n");
        let expected = [("RUSTFLAGS", "-C instrument-coverage --cfg=coverage"), ("CARGO_LLVM_COV", "1")];
        assert_eq!(parsed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
