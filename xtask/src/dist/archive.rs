//! Archives whose bytes depend on their content only.

use super::output;
use crate::failure::{Failure, failed};
use crate::project::root;
use crate::run::{program, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// An archive that is being filled: a folder beside it, which has its name.
pub(super) struct Archive {
    parent: PathBuf,
    name: String,
}

impl Archive {
    /// Starts an empty archive in this folder.
    pub(super) fn new(parent: &Path, name: &str) -> Result<Self, Failure> {
        let archive = Self { parent: parent.to_owned(), name: name.to_owned() };
        if archive.folder().exists() {
            fs::remove_dir_all(archive.folder()).map_err(failed(name))?;
        }
        fs::create_dir_all(archive.folder()).map_err(failed(name))?;
        Ok(archive)
    }

    fn folder(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Adds a file under this name. Only whether it can be run is kept of its permissions.
    pub(super) fn add(&self, from: &Path, name: &str) -> Result<(), Failure> {
        let content = fs::read(from).map_err(failed(from.display().to_string()))?;
        let mode = fs::metadata(from).map_err(failed(from.display().to_string()))?.permissions().mode();
        self.put(name, &content, mode & 0o100 != 0)
    }

    /// Adds a file with this content.
    pub(super) fn put(&self, name: &str, content: &[u8], runs: bool) -> Result<(), Failure> {
        let to = self.folder().join(name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(failed(name))?;
        }
        fs::write(&to, content).map_err(failed(name))?;
        let mode = if runs { 0o755 } else { 0o644 };
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).map_err(failed(name))
    }

    /// Adds the files that git tracks at these paths, under the same paths.
    pub(super) fn add_tracked(&self, paths: &[&str]) -> Result<(), Failure> {
        let tracked = output(program("git", &["ls-files", "-z", "--"]).args(paths))?;
        tracked.split_terminator('\0').try_for_each(|path| self.add(&root().join(path), path))
    }

    /// Packs the folder, removes it, and returns the name of the archive. Order, times, owners and
    /// permissions of the files do not depend on the machine.
    pub(super) fn close(self, time: u64) -> Result<String, Failure> {
        let file = format!("{}.tar.gz", self.name);
        let time = format!("--mtime=@{time}");
        let mut tar = program("tar", &["--create", "--gzip", "--file", &file, "--sort=name", "--format=ustar", &time]);
        tar.args(["--owner=0", "--group=0", "--numeric-owner", "--mode=go=rX,u+rwX,g-w,o-w", &self.name]);
        run(tar.current_dir(&self.parent))?;
        fs::remove_dir_all(self.folder()).map_err(failed(self.name))?;
        Ok(file)
    }
}
