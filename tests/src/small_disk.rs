//! A small file system that can be filled and freed.

use crate::folder::{Temporary, temporary};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory. It is removed on drop.
pub struct SmallDisk(Temporary);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because its users may have ended a moment ago only.
        let _ = Command::new("umount").arg("--lazy").arg(&*self.0).status();
    }
}

impl SmallDisk {
    /// Returns `None` where mounting needs more rights (root).
    pub fn mount(megabytes: u32) -> Option<Self> {
        let disk = Self(temporary());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(&*disk.0);
        mount.status().is_ok_and(|status| status.success()).then_some(disk)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Fills the disk to the last page.
    pub fn fill(&self) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.ballast()).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    /// Frees what [`Self::fill`] has taken.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }
}
