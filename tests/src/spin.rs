//! Spin itself in place of the local host, where `CONNECTIVITY_TEST_SPIN` names it (`cargo xtask test --spin`).

use std::ffi::OsString;
use std::process::{Command, Stdio};

fn named() -> Option<OsString> {
    std::env::var_os("CONNECTIVITY_TEST_SPIN")
}

/// `spin up`.
pub(crate) fn up() -> Option<Command> {
    named().map(|spin| {
        let mut command = Command::new(spin);
        command.arg("up");
        command
    })
}

/// Kills what serves for this process: a child of Spin, which would outlive it.
pub(crate) fn kill_child_of(process: u32) {
    let serving = serving(process);
    if serving != process {
        // It may have ended already.
        let _ = Command::new("kill").args(["-KILL", &serving.to_string()]).stderr(Stdio::null()).status();
    }
}

/// The process that serves: Spin's child, if this is Spin.
pub(crate) fn serving(process: u32) -> u32 {
    let threads = named().and_then(|_| std::fs::read_dir(format!("/proc/{process}/task")).ok());
    let children = threads.into_iter().flatten().flatten().filter_map(|thread| {
        let children = std::fs::read_to_string(thread.path().join("children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    });
    children.last().unwrap_or(process)
}
