//! The overlays of tests/cluster, which are not in k8s/overlays because they are no environments.

use super::manifests::documents;
use crate::failure::{Failure, failed};
use crate::project::root;
use crate::run::program;
use crate::tools::Tools;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An overlay of a test.
pub(crate) struct Overlay {
    /// The name of its folder in k8s/overlays while it is rendered.
    name: &'static str,
    kustomization: &'static str,
    others: &'static [&'static str],
}

/// The overlay of tests/cluster/run.sh.
pub(super) const KIND: Overlay =
    Overlay { name: "kind", kustomization: "overlay.yaml", others: &["registry-policy.yaml"] };

/// The overlay of `cargo xtask test --cluster`.
pub(crate) const PODMAN: Overlay = Overlay { name: "podman", kustomization: "podman.yaml", others: &[] };

/// A folder that is deleted when this value is dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Overlay {
    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// Returns the objects of a release, as k8s/deploy.sh renders it. `images` is a file with the
    /// images and their digests.
    pub(crate) fn render(&self, tools: &Tools, images: &Path, tag: &str) -> Result<Vec<Value>, Failure> {
        let folder = Temporary(root().join("k8s/overlays").join(self.name));
        std::fs::create_dir_all(&folder.0).map_err(failed(folder.0.display().to_string()))?;
        let files = [(self.kustomization, "kustomization.yaml")].into_iter();
        for (from, to) in files.chain(self.others.iter().map(|file| (*file, *file))) {
            std::fs::copy(root().join("tests/cluster").join(from), folder.0.join(to)).map_err(failed(from))?;
        }
        let script = root().join("k8s/deploy.sh").display().to_string();
        let mut command = program(&script, &[self.name, "--render", tag]);
        let output =
            command.env("PATH", tools.path()).env("IMAGES", images).output().map_err(failed(script.clone()))?;
        if !output.status.success() {
            return Err(Failure(format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr).trim())));
        }
        documents(&String::from_utf8_lossy(&output.stdout), &script)
    }
}
