//! Runs Spin instead of the local host, if `CONNECTIVITY_TEST_SPIN` names its program (`cargo xtask
//! test --spin`).

use std::ffi::OsString;
use std::process::{Command, Stdio};

/// Returns the program of Spin, or `None` if the local host is tested.
pub(crate) fn program() -> Option<OsString> {
    std::env::var_os("CONNECTIVITY_TEST_SPIN")
}

/// Kills the child process of Spin that serves, which would outlive `process`.
pub(crate) fn kill_child_of(process: u32) {
    let serving = serving(process);
    if serving != process {
        // The process may have ended already.
        let _ = Command::new("kill").args(["-KILL", &serving.to_string()]).stderr(Stdio::null()).status();
    }
}

/// Returns the process that serves: the child of `process` under Spin, else `process`, which has no
/// children.
pub(crate) fn serving(process: u32) -> u32 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok();
    let children = threads.into_iter().flatten().flatten().filter_map(|thread| {
        let children = std::fs::read_to_string(thread.path().join("children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    });
    children.last().unwrap_or(process)
}
