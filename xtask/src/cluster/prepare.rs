//! What `test --cluster` needs of the machine.

use crate::debian::{self, is_installed};
use crate::failure::{Failure, failed};
use crate::project::target;
use crate::run::program;
use std::path::{Path, PathBuf};

/// Programs, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 3] = [("podman", "podman"), ("runc", "runc"), ("iptables", "iptables")];

/// Files of further Debian packages: what makes the network of a pod, its first process, and what
/// lets a program listen on port 80.
const FILES: [(&str, &str); 3] = [
    ("/usr/lib/podman/netavark", "netavark"),
    ("/usr/libexec/podman/catatonit", "catatonit"),
    ("/sbin/setcap", "libcap2-bin"),
];

/// Returns the folder of everything that is made.
pub(super) fn folder() -> PathBuf {
    target().join("cluster")
}

/// Checks that pods can run here. Missing Debian packages are installed.
pub(super) fn check() -> Result<(), Failure> {
    if !cfg!(target_os = "linux") {
        return Err(Failure("--cluster needs Linux: its pods are containers of this machine".into()));
    }
    let user = program("id", &["-u"]).output().map_err(failed("id"))?;
    if !user.stdout.starts_with(b"0\n") {
        return Err(Failure("--cluster needs root, which makes the network of the pods: run it with sudo".into()));
    }
    let programs = PROGRAMS.iter().filter(|(name, _)| !is_installed(name));
    if !debian::can_install() {
        let missing: Vec<_> = programs.map(|(_, package)| *package).collect();
        return match missing.as_slice() {
            [] => Ok(()),
            missing => Err(Failure(format!("--cluster needs {}: install what is missing", missing.join(", ")))),
        };
    }
    let files = FILES.iter().filter(|(path, _)| !Path::new(path).exists());
    let missing: Vec<_> = programs.chain(files).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { debian::install(&missing) }
}
