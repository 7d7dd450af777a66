//! Installing Debian packages.

use crate::failure::Failure;
use crate::run::{announce, program, run};
use std::process::{Command, Stdio};

/// Returns whether this program is installed: whether it answers `--version`.
pub(crate) fn is_installed(name: &str) -> bool {
    let mut command = program(name, &["--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Returns whether packages can be installed here: as root, on Debian.
pub(crate) fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0"));
    root && is_installed("apt-get")
}

/// Installs packages. Run level 1 keeps the packages from starting their servers.
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
