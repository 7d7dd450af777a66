//! Running other programs.

use std::future::Future;
use std::path::PathBuf;
use std::process::Command;

/// Why a task did not get done: a sentence for a terminal, which says what to do.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// A failure of the system, with what was being done.
pub(crate) fn failed<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Failure {
    let what = what.into();
    move |cause| Failure(format!("{what}: {cause}"))
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| xtask.clone(), PathBuf::from)
}

/// Where everything is built, whatever the user's cargo is told: spin.toml and the tests name this folder.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// A program to be run at the root.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).args(arguments);
    command
}

/// Cargo, the same that runs this.
///
/// Without what that one said about this package: some build scripts depend on it, and everything above them would be
/// built again each time cargo is called by hand and by this program in turn.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments);
    command.env("CARGO_TARGET_DIR", target());
    for (name, _) in std::env::vars_os() {
        let about_us =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if about_us {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end, its output shown.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(failed(shown.clone()))?;
    if status.success() {
        Ok(())
    } else {
        let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_string_lossy).collect();
        Err(Failure(format!("{shown} {} ended with {status}", arguments.join(" "))))
    }
}

/// Says what comes next.
pub(crate) fn announce(what: &str) {
    println!("==> {what}");
}

/// Runs a future here.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed("tokio"))?;
    Ok(runtime.block_on(future))
}
