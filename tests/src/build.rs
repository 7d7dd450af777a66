//! The programs and components that a test or a benchmark runs: those of this checkout, or of
//! another one.

use crate::servers::root;
use crate::spin;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// A checkout in which everything has been built.
#[derive(Clone, Debug)]
pub struct Build {
    folder: PathBuf,
    /// The program of Spin, or `None` for the local host.
    spin: Option<OsString>,
}

impl Build {
    /// Returns this checkout. It runs on Spin if `CONNECTIVITY_TEST_SPIN` names its program.
    pub fn current() -> Self {
        Self::in_folder(root())
    }

    /// Returns the build in another checkout.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, spin: spin::program() }
    }

    /// Returns the same checkout on Spin: `CONNECTIVITY_TEST_SPIN`, or `spin` of `PATH`.
    #[must_use]
    pub fn on_spin(self) -> Self {
        Self { spin: Some(self.spin.unwrap_or_else(|| "spin".into())), ..self }
    }

    /// Returns what runs the application, for a table.
    pub fn host_name(&self) -> &'static str {
        if self.spin.is_some() { "Spin" } else { "local host" }
    }

    /// Returns the command that serves the application: the local host or Spin. They have the same
    /// options.
    pub(crate) fn host(&self) -> Command {
        let mut command = if let Some(spin) = &self.spin {
            let mut command = Command::new(spin);
            command.arg("up");
            command
        } else {
            let mut command = self.program("connectivity-host");
            // All tests share the compiled components, because compiling takes longer than most tests.
            command.arg("--compiled-dir").arg(self.folder.join("target"));
            command
        };
        command.current_dir(&self.folder);
        command
    }

    /// Returns the command that runs a native program.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.folder.join("target/release").join(name))
    }
}
