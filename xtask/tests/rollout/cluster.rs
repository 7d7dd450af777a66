//! A simulated cluster: a folder, and substitutes for kubectl and curl that work on it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The account of the smoke test, with characters that a form has to encode.
pub(crate) const SECRET: &str = "s3cr&t =%";

/// The folder of a simulated cluster. It is removed when this value is dropped.
pub(crate) struct Cluster(PathBuf);

impl Cluster {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("connectivity-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in [("kubectl", include_str!("kubectl")), ("curl", include_str!("curl"))] {
            let path = folder.join(name);
            fs::write(&path, text).expect("a substitute");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may be run");
        }
        Self(folder).with("check", r#"200 {"is_eligible":true}"#)
    }

    /// Writes a file of the simulation: a fault, and the tag or the number that it has.
    pub(crate) fn with(self, file: &str, content: &str) -> Self {
        fs::write(self.0.join(file), content).expect("a file");
        self
    }

    /// Returns a call of the script with these arguments. The last one is the tag.
    pub(crate) fn script(&self, arguments: &[&str]) -> Command {
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let root = Path::new(&package).parent().expect("the workspace");
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap_or_default());
        let images = self.0.join("images");
        let tag = arguments.last().unwrap_or(&"");
        let list = ["connectivity", "connectivity-spin", "connectivity-bridge"].map(|image| image_of(image, tag));
        fs::write(&images, list.join("\n")).expect("a file");
        let mut command = Command::new(root.join("k8s/deploy.sh"));
        command.args(arguments).env("PATH", path).env("CLUSTER", &self.0).env("IMAGES", images);
        command.env("SMOKE_CLIENT_ID", "smoke").env("SMOKE_CLIENT_SECRET", SECRET).env("SMOKE_CITIZEN", "1128456232");
        command.env("TIMEOUT_SECONDS", "1").env("POLL_SECONDS", "0.05").env_remove("SMOKE").env_remove("REGISTRY");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Returns a call of a copy of the script whose overlay of production has this setting only.
    pub(crate) fn copied_script(&self, setting: &str) -> Command {
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let script = Path::new(&package).parent().expect("the workspace").join("k8s");
        let copied = self.0.join("k8s");
        let overlay = copied.join("overlays/production");
        fs::create_dir_all(&overlay).expect("a folder");
        let text = format!("namespace: connectivity\nliterals:\n  - {setting}\n");
        fs::write(overlay.join("kustomization.yaml"), text).expect("an overlay");
        let copy =
            Command::new("cp").arg("-r").args([script.join("deploy"), script.join("deploy.sh")]).arg(&copied).status();
        assert!(copy.is_ok_and(|status| status.success()));
        let mut command = Command::new(copied.join("deploy.sh"));
        command
            .env_remove("SMOKE")
            .env_remove("SMOKE_CLIENT_ID")
            .env_remove("SMOKE_CLIENT_SECRET")
            .env_remove("SMOKE_CITIZEN");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.script(arguments).output().expect("a script that runs")
    }

    /// Deploys a release, and returns the exit code of the script.
    pub(crate) fn deploy(&self, tag: &str) -> Option<i32> {
        self.run(&["development", tag]).status.code()
    }

    pub(crate) fn back(&self, tag: &str) -> Option<i32> {
        self.run(&["development", "--back", tag]).status.code()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    /// Returns the tag of the release that runs.
    pub(crate) fn running(&self) -> Option<String> {
        tag_of(&self.file("applied.yaml"))
    }

    /// Returns the tag of the last healthy release.
    pub(crate) fn recorded(&self) -> Option<String> {
        tag_of(&self.file("configmap-connectivity-release"))
    }

    /// Returns how many calls contain these words.
    pub(crate) fn calls(&self, words: &str) -> usize {
        self.file("calls").matches(words).count()
    }

    /// Waits until the calls contain these words this many times.
    pub(crate) fn await_calls(&self, words: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.calls(words) < count {
            assert!(Instant::now() < deadline, "no {count} calls of {words} in:\n{}", self.file("calls"));
            sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.0.join("lease").exists()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the reference of an image of a release.
pub(crate) fn image_of(image: &str, tag: &str) -> String {
    let digest = tag.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    format!("registry.test/team/{image}@sha256:{digest:0>64}")
}

fn tag_of(manifests: &str) -> Option<String> {
    manifests.lines().find_map(|line| line.trim().strip_prefix("connectivity/tag: ")).map(str::to_owned)
}

/// Sends a signal to the script alone, as a pipeline does, and waits until it has ended.
pub(crate) fn interrupt(script: Child, signal: &str) -> Output {
    let asked = Command::new("kill").args([signal, &script.id().to_string()]).status();
    assert!(asked.is_ok_and(|status| status.success()));
    script.wait_with_output().expect("an end")
}
