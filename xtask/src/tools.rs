//! The programs that the checks call: from `PyPI` into target/, from Debian packages, or from PATH.

use crate::debian::{self, is_installed};
use crate::failure::{Failure, failed};
use crate::run::{announce, program, run};
use std::path::{Path, PathBuf};

/// A folder with programs.
pub(crate) struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// Installs the programs of a `requirements.txt` into the folder, unless they are installed
    /// already. If that is not possible, programs on PATH are used.
    pub(crate) fn prepare(home: &Path, requirements: &str) -> Result<Self, Failure> {
        let tools = Self { bin: home.join("bin") };
        let stamp = home.join("installed.txt");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
            return Ok(tools);
        }
        if let Err(Failure(why)) = install(home, requirements) {
            announce(&format!("SKIPPED: installing the tools of requirements.txt, {why}; tools on PATH are used"));
            return Ok(tools);
        }
        std::fs::write(&stamp, requirements).map_err(failed(stamp.display().to_string()))?;
        Ok(tools)
    }

    /// Returns the path of a program in the folder, or else its name if it is on PATH.
    pub(crate) fn find(&self, name: &str) -> Option<String> {
        let ours = self.bin.join(name);
        if ours.exists() {
            return Some(ours.display().to_string());
        }
        // kubectl has a command for its version instead of an option.
        let version = if name == "kubectl" { ["version", "--client"].as_slice() } else { &["--version"] };
        let found = program(name, version).output().is_ok_and(|output| output.status.success());
        found.then(|| name.to_owned())
    }

    /// Returns PATH with the folder in front.
    pub(crate) fn path(&self) -> std::ffi::OsString {
        let mut path = self.bin.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }

    /// Returns the path of promtool, which is part of Debian's package of Prometheus.
    pub(crate) fn promtool(&self) -> Option<String> {
        if !is_installed("promtool")
            && debian::can_install()
            && let Err(Failure(why)) = debian::install(&["prometheus"])
        {
            announce(&why);
        }
        self.find("promtool")
    }
}

/// Installs the tools into a Python virtual environment.
fn install(home: &Path, requirements: &str) -> Result<(), Failure> {
    let shown = home.display().to_string();
    announce(&format!("installing the tools of the checks into {shown}"));
    let make = || run(&mut program("python3", &["-m", "venv", "--clear", &shown]));
    if make().is_err() {
        if !debian::can_install() {
            return Err(Failure("which needs Python 3 with venv".into()));
        }
        debian::install(&["python3", "python3-venv"])?;
        make()?;
    }
    let file = home.join("requirements.txt");
    std::fs::write(&file, requirements).map_err(failed(file.display().to_string()))?;
    let mut pip = program(&home.join("bin/pip").display().to_string(), &["install", "--quiet", "--no-deps"]);
    run(pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(file))
}
