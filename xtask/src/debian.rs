//! Debian's packages, where they can be installed.

use crate::run::{Failure, announce, program, run};
use std::process::{Command, Stdio};

/// Is this program here? Asked for its version, it says so.
pub(crate) fn there(name: &str) -> bool {
    let mut command = program(name, &["--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Can packages be installed here: Debian, as root?
pub(crate) fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0"));
    root && there("apt-get")
}

/// Installs packages. No server of the system's own is started.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    announce(&format!("installing {}", packages.join(", ")));
    let apt = |arguments: &[&str]| {
        let mut command = program("apt-get", arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        run(&mut command)
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
}
