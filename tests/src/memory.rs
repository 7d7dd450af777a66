//! Memory limits of processes, as the manifests in k8s/ set them for containers.

use std::fs;
use std::path::{Path, PathBuf};

/// The limits of the manifests: k8s/base/application.yaml and k8s/base/bridge.yaml.
pub const COMPONENTS: u64 = 512 * 1024 * 1024;
pub const BRIDGE: u64 = 256 * 1024 * 1024;

/// A control group with a memory limit. It is removed on drop, when its process has ended.
pub struct Limit(PathBuf);

impl Drop for Limit {
    fn drop(&mut self) {
        // It stays, empty, if the process still runs.
        let _ = fs::remove_dir(&self.0);
    }
}

impl Limit {
    /// Limits the memory of a process. Returns `None` where this needs more rights (root, and cgroups
    /// that can be written).
    pub fn set(process: u32, bytes: u64) -> Option<Self> {
        let name = format!("connectivity-{process}");
        let (v1, v2) = (Path::new("/sys/fs/cgroup/memory"), Path::new("/sys/fs/cgroup"));
        let (group, file) =
            if v1.is_dir() { (v1.join(name), "memory.limit_in_bytes") } else { (v2.join(name), "memory.max") };
        fs::create_dir(&group).ok()?;
        let limit = Self(group);
        fs::write(limit.0.join(file), bytes.to_string()).ok()?;
        fs::write(limit.0.join("cgroup.procs"), process.to_string()).ok()?;
        Some(limit)
    }
}
