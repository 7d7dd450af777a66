//! `cargo xtask test`: the whole suite, on a machine that has Rust and (on Debian) a package
//! manager.

use crate::build::native;
use crate::debian::{self, is_installed};
use crate::failure::{Failure, failed};
use crate::manifest::Manifest;
use crate::project::root;
use crate::run::{announce, cargo, run, say};
use crate::{api, bench, build, deploy, lint, services, up};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// The largest size of a component in KiB. A larger component starts slowly.
const LARGEST_COMPONENT: u64 = 2048;

/// Runs everything, and ends with a line that counts the tests.
pub(crate) fn test() -> Result<(), Failure> {
    lint::lint()?;
    deploy::lint(&deploy::Options::from_environment())?;
    build::everything()?;
    check_sizes()?;
    prometheus()?;
    check_api_and_compile_tests()?;
    finish(services::during(|| {
        announce("tests");
        let (passed, failures) = count_tests(&mut native("test", &["--no-fail-fast"]))?;
        let (own, own_failures) = count_tests(&mut cargo(&["test", "--release", "-p", "xtask"]))?;
        // Last, because it kills the servers that the tests use.
        bench::run_chaos(&["--requests", "300", "--rounds", "1"])?;
        bench::run_chaos(&["--faults", "short"])?;
        Ok((passed + own, failures + own_failures))
    })?)
}

/// Compares the service with its API while the tests are compiled: one waits where the other computes.
fn check_api_and_compile_tests() -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let compiling = scope.spawn(|| run(&mut native("test", &["--no-run", "--quiet"])));
        let checked = api::check();
        let compiled = compiling.join().unwrap_or_else(|_| Err(Failure("compiling the tests panicked".into())));
        checked.and(compiled)
    })
}

/// Runs the scenarios on Spin instead of the local host.
pub(crate) fn on_spin() -> Result<(), Failure> {
    up::check_spin()?;
    build::everything()?;
    prometheus()?;
    let mut scenarios = native("test", &["--no-fail-fast"]);
    scenarios.env("CONNECTIVITY_TEST_SPIN", "spin");
    for name in scenarios_for_spin()? {
        scenarios.args(["--test", &name]);
    }
    finish(services::during(|| {
        announce("scenarios, on Spin");
        count_tests(&mut scenarios)
    })?)
}

/// Returns the names of all scenarios except those of the local host itself.
fn scenarios_for_spin() -> Result<Vec<String>, Failure> {
    let folder = root().join("tests/tests");
    let files = std::fs::read_dir(&folder).map_err(failed(folder.display().to_string()))?;
    let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    Ok(names.filter(|name| name != "host").collect())
}

/// Prints the closing line.
fn finish((passed, failures): (u64, u64)) -> Result<(), Failure> {
    say!("{passed} passed, {failures} failed");
    if failures == 0 && passed > 0 { Ok(()) } else { Err(Failure("the suite failed".into())) }
}

/// Installs Prometheus, which reads the metrics in a scenario.
fn prometheus() -> Result<(), Failure> {
    if is_installed("prometheus") {
        return Ok(());
    }
    if !debian::can_install() {
        let message = "Prometheus is not installed: install it, or run this command as root on Debian";
        return Err(Failure(message.into()));
    }
    debian::install(&["prometheus"])
}

/// Checks that no component is too large.
fn check_sizes() -> Result<(), Failure> {
    for (name, component) in Manifest::read()?.components {
        let path = root().join(component.source);
        let size = std::fs::metadata(&path).map_err(failed(path.display().to_string()))?.len();
        say!("{name}: {} KiB", size / 1024);
        if size > LARGEST_COMPONENT * 1024 {
            return Err(Failure(format!("the component {name} is larger than {LARGEST_COMPONENT} KiB")));
        }
    }
    Ok(())
}

/// Runs tests, shows what they print, and adds up their results.
fn count_tests(command: &mut Command) -> Result<(u64, u64), Failure> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed("cargo test"))?;
    let (mut passed, mut failures) = (0, 0);
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The tests go on if the terminal was closed.
            let _ = writeln!(std::io::stdout(), "{line}");
            if line.starts_with("test result: ") {
                passed += count(&line, "passed");
                failures += count(&line, "failed");
            }
        }
    }
    let status = child.wait().map_err(failed("cargo test"))?;
    if !status.success() && failures == 0 {
        return Err(Failure(format!("cargo test ended with {status}")));
    }
    Ok((passed, failures))
}

/// Returns the number before a word of a result line.
fn count(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default();
    before.trim().rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn result_line_is_counted() {
        let line = "test result: FAILED. 26 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.11s";
        assert_eq!((count(line, "passed"), count(line, "failed")), (26, 3));
    }
}
