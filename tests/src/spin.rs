//! Spin itself in place of the local host, where `CONNECTIVITY_TEST_SPIN` names it (`cargo xtask test --spin`).

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn named() -> Option<OsString> {
    std::env::var_os("CONNECTIVITY_TEST_SPIN")
}

/// `spin up`, in a process group of its own: what serves is a child of it, and would outlive it.
pub(crate) fn up() -> Option<Command> {
    named().map(|spin| {
        let mut command = Command::new(spin);
        command.arg("up").process_group(0);
        command
    })
}

/// Kills the group that was started with this process.
pub(crate) fn kill_group(process: u32) {
    if named().is_some() {
        // What is no Spin has no group, and what has ended is none.
        let group = format!("-{process}");
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
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
