//! k8s/access.sh and docs/setup-cicd.sh, with substitutes for curl and gh.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Issues a token to a job that may ask for one.
const CURL: &str = r#"#!/bin/bash
echo "$*" >> "$HOME/calls"
while [ "$1" != --header ]; do shift; done
[ "$(cat "${2#@}")" = "Authorization: Bearer of the job" ] || exit 22
[ "$3" = "https://tokens.test/?job=1&audience=kubernetes" ] || exit 3
echo '{"count":1,"value":"issued.token"}'
"#;

/// Records what it is asked to set. The environment production has one policy already.
const GH: &str = r#"#!/bin/bash
echo "$*" >> "$HOME/calls"
case "$*" in
  "auth status"*) ;;
  "api users/"*) echo 42 ;;
  "api --paginate"*production*) echo branch:main ;;
  "api --paginate"*) ;;
  *"--input -"* | "secret set"*) cat >> "$HOME/calls" ;;
esac
"#;

/// A home folder with the substitutes. It is removed when this value is dropped.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let home = Self(std::env::temp_dir().join(format!("connectivity-access-{name}-{}", std::process::id())));
        fs::create_dir_all(&home.0).expect("a folder");
        for (name, text) in [("curl", CURL), ("gh", GH)] {
            fs::write(home.0.join(name), text).expect("a substitute");
            fs::set_permissions(home.0.join(name), fs::Permissions::from_mode(0o755)).expect("may be run");
        }
        home
    }

    fn run(&self, script: &str, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        let root = Path::new(&package).parent().expect("the workspace");
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(root.join(script));
        command.args(arguments).env("HOME", &self.0).env("PATH", path).envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a script that runs");
        // A script that reads nothing may have ended.
        let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
        child.wait_with_output().expect("an end")
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn job_gets_a_token_for_each_call_of_kubectl() {
    let home = Home::new("token");
    let job = [
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the job"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://tokens.test/?job=1"),
    ];
    let output = home.run("k8s/access.sh", &["--token"], &job, "");
    let credential = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(credential.contains(r#""kind":"ExecCredential""#) && credential.contains(r#""token":"issued.token""#));
    assert!(!home.file("calls").contains("of the job"), "arguments can be read by every user");
    let refused = home.run("k8s/access.sh", &["--token"], &[job[1], ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")], "");
    assert!(!refused.status.success() && refused.stdout.is_empty());
}

#[test]
fn stored_credentials_are_used_only_without_an_address() {
    let home = Home::new("config");
    let stored = ("KUBE_CONFIG", "the stored file");
    let cluster = [("KUBE_SERVER", "https://cluster.test"), ("KUBE_CA", "PEM"), stored];
    assert!(home.run("k8s/access.sh", &[], &cluster, "").status.success());
    let config = home.file(".kube/config");
    assert!(config.contains("server: \"https://cluster.test\"") && config.contains("args: [--token]"), "{config}");
    assert!(config.contains("certificate-authority-data: UEVN") && !config.contains("stored"), "{config}");
    assert!(home.run("k8s/access.sh", &[], &[stored], "").status.success());
    assert_eq!(home.file(".kube/config"), "the stored file\n");
    let mode = fs::metadata(home.0.join(".kube/config")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "only its owner can read it");
    for variables in [&[][..], &cluster[..1]] {
        assert!(!home.run("k8s/access.sh", &[], variables, "").status.success());
    }
}

/// The answers to the questions of setup-cicd.sh, for images on ghcr.io and clusters with tokens.
fn answers(home: &Home) -> String {
    fs::write(home.0.join("ca.pem"), "PEM").expect("a file");
    let ca = home.0.join("ca.pem");
    let environment = format!("https://cluster.test\n{}\nsmoke\nthe secret\n1128456232\n", ca.display());
    format!("ghcr.io/team\n\n\nreviewer\n{}", environment.repeat(3))
}

#[test]
fn environments_are_restricted_to_branches_and_production_to_a_reviewer() {
    let home = Home::new("setup");
    let output = home.run("docs/setup-cicd.sh", &["--apply"], &[], &answers(&home));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = home.file("calls");
    assert_eq!(calls.matches(r#""custom_branch_policies": true"#).count(), 5, "{calls}");
    assert_eq!(calls.matches(r#""reviewers": [{"type": "User", "id": 42}]"#).count(), 1);
    let policies = |environment: &str| {
        let path =
            format!("POST repos/{{owner}}/{{repo}}/environments/{environment}/deployment-branch-policies -f name=");
        let lines = calls.lines().filter_map(|line| line.split_once(&path));
        lines.map(|(_, policy)| policy.replace(" -f type=", " ")).collect::<Vec<_>>()
    };
    assert_eq!(policies("staging"), ["main branch"]);
    assert_eq!(policies("production"), [""; 0], "it exists");
    assert_eq!(policies("development"), ["develop branch", "feature/** branch"]);
    assert_eq!(policies("release"), ["v* tag"]);
    assert!(calls.contains("variable set KUBE_SERVER --body https://cluster.test --env production"));
    assert!(!calls.contains("--body the secret"), "secrets are passed through standard input");
    assert!(calls.contains("secret set SMOKE_CLIENT_SECRET --env staging\nthe secret"));
}

#[test]
fn nothing_is_set_without_apply_or_without_a_reviewer() {
    let home = Home::new("shown");
    let output = home.run("docs/setup-cicd.sh", &[], &[], &answers(&home));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success()
            && shown.contains("would restrict environment production to branch:main, reviewed by reviewer")
    );
    assert!(!shown.contains("the secret"), "{shown}");
    assert_eq!(home.file("calls"), "");
    let without = answers(&home).replace("reviewer\n", "\n");
    assert_eq!(home.run("docs/setup-cicd.sh", &["--apply"], &[], &without).status.code(), Some(64));
    assert!(!home.file("calls").contains("environments/"));
}
