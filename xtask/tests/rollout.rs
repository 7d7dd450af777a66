//! k8s/deploy.sh with substitutes for kubectl and curl: rollout, rollback and exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Simulates a cluster in the folder `$CLUSTER`. The release whose tag is in the file `broken` never
/// becomes ready, the one in `unhealthy` fails the health check, and the one in `not-migratable` has a
/// migration that fails.
const KUBECTL: &str = r#"#!/bin/bash
echo "$*" >> "$CLUSTER/calls"
named() { grep -q ":$(cat "$CLUSTER/$1" 2> /dev/null || echo nothing)$" "$CLUSTER/applied.yaml"; }
[ "$1" = --namespace ] && { namespace=$2; shift 2; }
case "$1" in
  kustomize)
    printf 'kind: Namespace\nmetadata:\n  name: connectivity-test\n---\n'
    sed -n 's/.*name: connectivity, newName: \(.*\), newTag: "\(.*\)".*/image: \1:\2/p' "$2/kustomization.yaml"
    sed -n 's/.*\(connectivity\/release: \)"\(.*\)".*/    \1\2/p' "$2/kustomization.yaml"
    ;;
  apply)
    case "$*" in
      *"-f -") cat > /dev/null ;;
      *"notin (web, bridge)") cp "$3" "$CLUSTER/prepared.yaml" ;;
      *) cp "$3" "$CLUSTER/applied.yaml" ;;
    esac
    ;;
  get)
    [ "$namespace" = connectivity-test ] || exit 1
    case "$2" in
      deployment) sed -n 's|^ *connectivity/release: ||p' "$CLUSTER/applied.yaml" | tr -d '\n' ;;
      configmap) cat "$CLUSTER/remembered.yaml" 2> /dev/null || true ;;
    esac
    ;;
  create) cp "${4#--from-file=release.yaml=}" "$CLUSTER/remembered.yaml" ;;
  wait) ! grep -q ":$(cat "$CLUSTER/not-migratable" 2> /dev/null || echo nothing)$" "$CLUSTER/prepared.yaml" ;;
  rollout) ! named broken ;;
  port-forward) echo "Forwarding from 127.0.0.1:1 -> 80"; exec sleep 30 ;;
  delete) ;;
  *) exit 64 ;;
esac
"#;

const CURL: &str = r#"#!/bin/bash
! grep -q ":$(cat "$CLUSTER/unhealthy" 2> /dev/null || echo nothing)$" "$CLUSTER/applied.yaml"
"#;

/// The folder of a simulated cluster. It is removed when this value is dropped.
struct Cluster(PathBuf);

impl Cluster {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("connectivity-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in [("kubectl", KUBECTL), ("curl", CURL)] {
            let path = folder.join(name);
            fs::write(&path, text).expect("a substitute");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may be run");
        }
        Self(folder)
    }

    /// Makes the release with this tag fail in this way.
    fn with(self, failure: &str, tag: &str) -> Self {
        fs::write(self.0.join(failure), tag).expect("a file");
        self
    }

    /// Deploys a release, and returns the exit code of the script.
    fn deploy(&self, tag: &str) -> Option<i32> {
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let root = Path::new(&package).parent().expect("the workspace");
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(root.join("k8s/deploy.sh"));
        command.args(["development", tag]).env("PATH", path).env("CLUSTER", &self.0);
        let output = command.env("REGISTRY", "registry.test/team").env("TIMEOUT_SECONDS", "1").output();
        output.expect("a script that runs").status.code()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    fn runs(&self, tag: &str) -> bool {
        self.file("applied.yaml").contains(&format!("image: registry.test/team/connectivity:{tag}\n"))
    }

    fn records(&self, tag: &str) -> bool {
        self.file("remembered.yaml").contains(&format!(":{tag}\n"))
    }

    fn migrations(&self) -> usize {
        self.file("calls").matches("delete job").count()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn healthy_release_is_rolled_out_and_recorded() {
    let cluster = Cluster::new("healthy");
    assert_eq!(cluster.deploy("one"), Some(0), "{}", cluster.file("calls"));
    assert!(cluster.runs("one") && cluster.records("one"));
    assert_eq!(cluster.deploy("two"), Some(0));
    assert!(cluster.runs("two") && cluster.records("two"));
    let calls = cluster.file("calls");
    let position = |what: &str| calls.find(what).unwrap_or_else(|| panic!("{what} in {calls}"));
    assert!(
        position("wait job/connectivity-migration") < position("notin (migration)"),
        "the schema is migrated first"
    );
    assert!(calls.contains("rollout status deployment/connectivity-bridge"));
    assert!(calls.contains("port-forward service/connectivity :80"));
}

#[test]
fn release_that_does_not_become_ready_is_rolled_back() {
    let cluster = Cluster::new("broken").with("broken", "two");
    assert_eq!(cluster.deploy("one"), Some(0));
    assert_eq!(cluster.deploy("two"), Some(1));
    assert!(cluster.runs("one") && cluster.records("one"));
    assert_eq!(cluster.migrations(), 2, "a rollback does not migrate");
}

#[test]
fn release_that_fails_the_health_check_is_rolled_back() {
    let cluster = Cluster::new("unhealthy").with("unhealthy", "two");
    assert_eq!(cluster.deploy("one"), Some(0));
    assert_eq!(cluster.deploy("two"), Some(1));
    assert!(cluster.runs("one") && cluster.records("one"));
}

#[test]
fn release_whose_migration_fails_is_not_rolled_out() {
    let cluster = Cluster::new("not-migratable").with("not-migratable", "two");
    assert_eq!(cluster.deploy("one"), Some(0));
    assert_eq!(cluster.deploy("two"), Some(1));
    assert!(cluster.runs("one") && cluster.records("one"));
    assert!(cluster.file("prepared.yaml").contains(":two"));
}

#[test]
fn first_release_that_fails_is_not_rolled_back() {
    let cluster = Cluster::new("first").with("broken", "one");
    assert_eq!(cluster.deploy("one"), Some(1));
    assert!(cluster.runs("one") && !cluster.records("one"));
}

#[test]
fn failed_rollback_has_its_own_exit_code() {
    let cluster = Cluster::new("both");
    assert_eq!(cluster.deploy("one"), Some(0));
    let cluster = cluster.with("not-migratable", "two").with("broken", "one");
    assert_eq!(cluster.deploy("two"), Some(2));
}
