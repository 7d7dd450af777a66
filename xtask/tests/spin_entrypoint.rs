//! docker/spin-entrypoint.sh with a substitute for Spin: options, exit code, and time to stop.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Prints its arguments, and runs until it receives SIGTERM.
const SPIN: &str = r#"#!/bin/bash
echo "spin $*"
[ "$1" = up ] || exit 3
[ -z "${FAIL:-}" ] || exit 7
trap 'echo stopping; exit 0' TERM
echo ready
while :; do sleep 0.05; done
"#;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("connectivity-spin-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("spin"), SPIN).expect("a substitute");
        fs::set_permissions(folder.join("spin"), fs::Permissions::from_mode(0o755)).expect("may be run");
        Self(folder)
    }

    fn entrypoint(&self, arguments: &[&str]) -> Command {
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let root = Path::new(&package).parent().expect("the workspace");
        let mut command = Command::new(root.join("docker/spin-entrypoint.sh"));
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap_or_default());
        command.args(arguments).env("PATH", path).stdout(Stdio::piped());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn other_commands_are_passed_to_spin_unchanged() {
    let output = Folder::new("other").entrypoint(&["registry", "push", "image"]).output().expect("a script that runs");
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"spin registry push image\n"[..], Some(3)));
}

#[test]
fn exit_code_of_spin_is_the_exit_code_of_the_container() {
    let output = Folder::new("ends").entrypoint(&["up"]).env("FAIL", "yes").output().expect("a script that runs");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn spin_is_stopped_after_the_drain_time_and_the_exit_code_is_0() {
    let folder = Folder::new("stops");
    let mut command = folder.entrypoint(&["up", "--listen", "0.0.0.0:80", "-f", "image"]);
    let mut container = command.env("SPIN_DRAIN_SECONDS", "1").spawn().expect("a script that runs");
    let mut lines = BufReader::new(container.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let options = "--max-instance-concurrent-reuse-count 4 --max-instance-reuse-count 5000 --idle-instance-timeout 30s";
    assert_eq!(lines.next(), Some(format!("spin up --listen 0.0.0.0:80 -f image {options}")));
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let started = Instant::now();
    let asked = Command::new("kill").args(["-TERM", &container.id().to_string()]).status();
    assert!(asked.is_ok_and(|status| status.success()));
    assert_eq!(lines.next().as_deref(), Some("stopping"));
    assert!(started.elapsed() >= Duration::from_secs(1), "Spin was stopped before the drain time had passed");
    assert_eq!(container.wait().expect("an end").code(), Some(0));
}
