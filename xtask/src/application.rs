//! Starting the application of spin.toml and the registry simulator.

use crate::build::{BRIDGE, HOST, SIMULATOR};
use crate::failure::{Failure, failed};
use crate::project::built;
use crate::run::{program, run};
use crate::running::Running;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Few long-lived instances with a few concurrent requests each.
///
/// This was the fastest combination on one machine, and each instance holds one connection to the
/// database (docs/performance.md). Spin and the local host have the same options.
const INSTANCES: [&str; 6] = [
    "--max-instance-concurrent-reuse-count",
    "4",
    "--max-instance-reuse-count",
    "5000",
    "--idle-instance-timeout",
    "30s",
];

/// Returns a command that serves spin.toml at this address, on Spin or on the local host.
pub(crate) fn serve(on_spin: bool, listen: &str) -> Command {
    let mut command = if on_spin { program("spin", &["up"]) } else { program(&built(HOST), &[]) };
    command.args(["--from", "spin.toml", "--listen", listen]).args(INSTANCES);
    command
}

/// Sets a variable of the application.
pub(crate) fn set(command: &mut Command, variable: &str, value: impl AsRef<std::ffi::OsStr>) {
    command.env(format!("SPIN_VARIABLE_{variable}"), value);
}

/// Starts the simulator and sets it as the application's registry.
pub(crate) fn simulate(command: &mut Command) -> Result<Running, Failure> {
    let path = built(SIMULATOR);
    let mut child = program(&path, &[]).stdout(Stdio::piped()).spawn().map(Running).map_err(failed(path))?;
    let mut line = String::new();
    if let Some(stdout) = child.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed("the simulator"))?;
    }
    let url = line.trim().rsplit(' ').next().filter(|url| url.starts_with("http://"));
    let url = url.ok_or_else(|| Failure("the registry simulator did not start".into()))?;
    set(command, "REGISTRY_URL", url);
    Ok(child)
}

/// Brings the schema of a MySQL or MariaDB database up to date. The bridge must be built.
pub(crate) fn migrate(database_url: &str) -> Result<(), Failure> {
    run(program(&built(BRIDGE), &["migrate"]).env("DATABASE_URL", database_url))
}
