//! The scripts that publish images and give them tags, with substitutes for docker and cosign.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Simulates an image registry: each tag is a file below `$IMAGES_OF`, with its manifest.
const DOCKER: &str = r#"#!/bin/bash
set -u
echo "docker $*" >> "$IMAGES_OF/calls"
[ ! -e "$IMAGES_OF/down" ] || { echo "ERROR: dial tcp: connection refused" >&2; exit 1; }
file() { echo "$IMAGES_OF/$(tr /: __ <<< "$1")"; }
# reference WORDS…: the word after --tag.
tagged() { while [ "$1" != --tag ]; do shift; done; echo "$2"; }
case "$*" in
  "buildx imagetools inspect --raw "*)
    [ -e "$(file "$5")" ] || { echo "ERROR: $5: not found" >&2; exit 1; }
    cat "$(file "$5")"
    ;;
  "buildx imagetools create --prefer-index=false --tag "*)
    for known in "$IMAGES_OF"/registry*; do
      if [ "${7#*@sha256:}" = "$(sha256sum < "$known" | cut -d ' ' -f 1)" ]; then source=$known; fi
    done
    cp "$source" "$(file "$6")"
    ;;
  "buildx build --push"*) echo "manifest of build $(grep -c buildx "$IMAGES_OF/calls")" > "$(file "$(tagged "$@")")" ;;
  run*) echo "the application" > "$(file "${*: -1}")" ;;
  *) exit 64 ;;
esac
"#;

const COSIGN: &str = r#"#!/bin/bash
echo "cosign $*" >> "$IMAGES_OF/calls"
[[ ${*: -1} != *"$(cat "$IMAGES_OF/unsigned" 2> /dev/null || echo nothing)"* ]]
"#;

/// A checkout with the scripts, and an image registry. Both are removed when this value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("connectivity-publish-{name}-{}", std::process::id())));
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let root = Path::new(&package).parent().expect("the workspace");
        for part in ["bin", "images", "checkout/k8s"] {
            fs::create_dir_all(folder.0.join(part)).expect("a folder");
        }
        for (name, text) in [("docker", DOCKER), ("cosign", COSIGN)] {
            let path = folder.0.join("bin").join(name);
            fs::write(&path, text).expect("a substitute");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may be run");
        }
        folder.shell(&format!(
            "cp '{0}/.gitignore' . && cp -r '{0}/k8s/'*.sh '{0}/k8s/deploy' '{0}/k8s/overlays' k8s/",
            root.display()
        ));
        folder.shell("git init -q && git add . && git -c user.name=t -c user.email=t@t.test commit -qm one");
        folder
    }

    /// Runs a command in the checkout.
    fn run(&self, command: &str) -> Output {
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut bash = Command::new("bash");
        bash.args(["-c", command]).current_dir(self.0.join("checkout")).stdin(Stdio::null());
        bash.env("PATH", path).env("IMAGES_OF", self.0.join("images")).env("REGISTRY", "registry.test/team");
        bash.env("SIGNED_BY", "https://forge.test/cd.yml@refs/heads/main").output().expect("bash")
    }

    /// Runs a command that must succeed, and returns what it prints.
    fn shell(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command that must fail, and returns what it prints as an error.
    fn fails(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(!output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn calls(&self, words: &str) -> usize {
        fs::read_to_string(self.0.join("images/calls")).unwrap_or_default().matches(words).count()
    }

    /// Returns the content of a tag.
    fn image(&self, name: &str, tag: &str) -> Option<String> {
        fs::read_to_string(self.0.join(format!("images/registry.test_team_{name}_{tag}"))).ok()
    }

    fn set(&self, file: &str, content: &str) {
        fs::write(self.0.join("images").join(file), content).expect("a file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn commit_is_built_once() {
    let folder = Folder::new("once");
    let first = folder.shell("k8s/publish.sh");
    assert_eq!(first.lines().count(), 3);
    assert!(first.lines().all(|line| line.starts_with("registry.test/team/connectivity") && line.contains("@sha256:")));
    assert_eq!((folder.calls("buildx build"), folder.calls("docker run")), (3, 1));
    assert_eq!(folder.shell("k8s/publish.sh"), first);
    assert_eq!(folder.calls("buildx build"), 3, "nothing is built or pushed again");
    assert_eq!(folder.shell("k8s/images.sh \"$(git rev-parse HEAD)\""), first);
}

#[test]
fn publishing_that_was_interrupted_is_continued() {
    let folder = Folder::new("continued");
    let commit = folder.shell("git rev-parse HEAD");
    let bridge = format!("registry.test_team_connectivity-bridge_{}", commit.trim());
    folder.set(&bridge, "the manifest of the first attempt");
    folder.shell("k8s/publish.sh");
    assert_eq!(folder.calls("buildx build"), 2);
    assert_eq!(
        folder.image("connectivity-bridge", commit.trim()).as_deref(),
        Some("the manifest of the first attempt")
    );
}

#[test]
fn unknown_state_of_the_registry_publishes_nothing() {
    let folder = Folder::new("down");
    folder.set("down", "");
    assert!(folder.fails("k8s/publish.sh").contains("connection refused"));
    assert!(folder.fails("k8s/images.sh one").contains("connection refused"));
    assert_eq!(folder.calls("buildx build"), 0);
}

#[test]
fn changes_without_a_commit_are_not_published() {
    let folder = Folder::new("changes");
    assert!(folder.fails("echo >> k8s/publish.sh; k8s/publish.sh").contains("commit the changes first"));
    assert_eq!(folder.calls("docker"), 0);
}

#[test]
fn missing_image_has_no_digest() {
    assert!(Folder::new("missing").fails("k8s/images.sh one").contains("connectivity:one does not exist"));
}

#[test]
fn moving_tags_follow_the_healthy_release() {
    let folder = Folder::new("moving");
    let commit = folder.shell("k8s/publish.sh > images; git rev-parse HEAD");
    folder.set("registry.test_team_connectivity_latest", "an older one");
    folder.shell("k8s/promote.sh staging < images");
    let application = folder.image("connectivity", commit.trim());
    assert_eq!(folder.image("connectivity", "staging-latest"), application);
    assert_eq!(folder.image("connectivity", "latest").as_deref(), Some("an older one"));
    folder.shell("k8s/promote.sh production < images");
    assert_eq!(folder.image("connectivity", "latest"), application);
    assert_eq!(folder.image("connectivity-bridge", "main-latest"), folder.image("connectivity-bridge", commit.trim()));
}

#[test]
fn tag_of_a_version_is_never_moved() {
    let folder = Folder::new("version");
    folder.shell(
        "k8s/publish.sh > images && k8s/promote.sh --version 1.0.0 < images && k8s/promote.sh --version 1.0.0 < images",
    );
    folder.set("registry.test_team_connectivity-bridge_2.0.0", "another build");
    assert!(folder.fails("k8s/promote.sh --version 2.0.0 < images").contains("raise the version"));
    assert_eq!(folder.image("connectivity-bridge", "2.0.0").as_deref(), Some("another build"));
    folder.set("down", "");
    assert!(folder.fails("k8s/promote.sh --version 3.0.0 < images").contains("connection refused"));
}

#[test]
fn wrong_arguments_move_nothing() {
    let folder = Folder::new("arguments");
    folder.shell("k8s/publish.sh > images");
    for command in ["k8s/promote.sh", "k8s/promote.sh nowhere < images", "k8s/promote.sh --version < images"] {
        assert!(folder.fails(command).contains("usage"), "{command}");
    }
    assert!(folder.fails("k8s/promote.sh production < /dev/null").contains("expected 3 images"));
    assert_eq!(folder.calls("imagetools create"), 0);
}

#[test]
fn every_image_must_be_signed_by_the_expected_workflow() {
    let folder = Folder::new("signed");
    folder.shell("k8s/publish.sh > images && k8s/verify.sh < images");
    assert_eq!(folder.calls("--certificate-identity https://forge.test/cd.yml@refs/heads/main"), 3);
    assert!(folder.fails("head -n 2 images | k8s/verify.sh").contains("expected 3 images"));
    folder.set("unsigned", "connectivity-spin");
    folder.fails("k8s/verify.sh < images");
}
