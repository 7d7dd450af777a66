//! k8s/deploy.sh on a simulated cluster: every way that a rollout can end.

mod cluster;

use cluster::{Cluster, SECRET, image_of, interrupt};
use std::fmt::Write;

const UNLOCKED: bool = false;

#[test]
fn healthy_release_is_rolled_out_and_recorded() {
    let cluster = Cluster::new("healthy");
    assert_eq!(cluster.deploy("one"), Some(0), "{}", cluster.file("calls"));
    assert_eq!((cluster.running(), cluster.recorded()), (Some("one".into()), Some("one".into())));
    assert!(cluster.file("applied.yaml").contains(&image_of("connectivity-bridge", "one")), "by digest");
    assert_eq!(cluster.deploy("two"), Some(0));
    assert_eq!((cluster.running(), cluster.recorded()), (Some("two".into()), Some("two".into())));
    let calls = cluster.file("calls");
    let position = |what: &str| calls.find(what).unwrap_or_else(|| panic!("{what} in {calls}"));
    assert!(position("create -f -") < position("delete job"), "the lock is taken first");
    assert!(position("get job connectivity-migration") < position("notin (migration)"), "the schema is migrated first");
    assert!(position("rollout status deployment/connectivity-bridge") < position("service/connectivity :80"));
    assert!(position("service/connectivity-bridge :9100") < position("/oauth/token"));
    assert_eq!(cluster.is_locked(), UNLOCKED);
    let list = cluster.run(&["development", "--list"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let tags: Vec<_> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(tags, ["two", "one"], "the newest is first");
}

#[test]
fn smoke_test_uses_the_account_and_shows_no_secret() {
    let cluster = Cluster::new("smoke");
    assert_eq!(cluster.deploy("one"), Some(0));
    assert_eq!(cluster.file("credentials"), format!("smoke\n{SECRET}\nAuthorization: Bearer signed.token"));
    assert_eq!(cluster.file("question"), r#"{"citizen_id": "1128456232"}"#);
    assert!(!cluster.file("calls").contains(SECRET), "arguments can be read by every user");
    assert!(!cluster.file("calls").contains("signed.token"));
}

/// A fault of the release `two`, with the content of its file, and the number of migrations that
/// are run until the release `one` is back: one for each rollout, and none for going back.
#[test]
fn unhealthy_release_is_replaced_by_the_last_healthy_one() {
    for (fault, content) in [
        ("not-migratable", "two"),
        ("stuck-migration", "two"),
        ("not-applicable", "two"),
        ("no-operator", "two"),
        ("broken", "two"),
        ("unhealthy", "two"),
    ] {
        let cluster = Cluster::new(fault).with(fault, content);
        assert_eq!(cluster.deploy("one"), Some(0), "{fault}");
        assert_eq!(cluster.deploy("two"), Some(1), "{fault}");
        assert_eq!((cluster.running(), cluster.recorded()), (Some("one".into()), Some("one".into())), "{fault}");
        assert_eq!(cluster.calls("delete job"), 2, "{fault}: going back does not migrate");
        assert_eq!(cluster.is_locked(), UNLOCKED, "{fault}");
    }
}

#[test]
fn failed_migration_is_noticed_at_once_and_its_log_is_shown() {
    let cluster = Cluster::new("job").with("not-migratable", "two");
    assert_eq!(cluster.deploy("one"), Some(0));
    let output = cluster.script(&["development", "two"]).env("TIMEOUT_SECONDS", "3600").output().expect("an end");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(cluster.calls("get job"), 2, "one question for each release");
    assert!(String::from_utf8_lossy(&output.stderr).contains("step 7: table is locked"));
    assert_eq!(cluster.running().as_deref(), Some("one"));
}

#[test]
fn check_without_an_answer_fails_the_release() {
    for (name, file, content) in [
        ("refused-account", "no-token", ""),
        ("refused-token", "check", r#"401 {"type":"urn:connectivity:problem:invalid-token"}"#),
        ("no-records", "check", r#"503 {"type":"urn:connectivity:problem:storage-unavailable"}"#),
        ("no-route", "check", "404 not found"),
    ] {
        let cluster = Cluster::new(name);
        assert_eq!(cluster.deploy("one"), Some(0), "{name}");
        let cluster = cluster.with(file, content);
        // The release before has the same fault here, so that it cannot be restored either.
        assert_eq!(cluster.deploy("two"), Some(2), "{name}");
        assert_eq!(cluster.recorded().as_deref(), Some("one"), "{name}");
    }
}

#[test]
fn registry_without_a_verdict_does_not_fail_the_release() {
    for answer in [
        r#"503 {"type":"urn:connectivity:problem:registry-unavailable"}"#,
        r#"503 {"type":"urn:connectivity:problem:registry-unexpected-response"}"#,
        "204 ",
    ] {
        assert_eq!(Cluster::new("verdict").with("check", answer).deploy("one"), Some(0), "{answer}");
    }
}

#[test]
fn smoke_test_can_be_left_out_only_explicitly() {
    let cluster = Cluster::new("skip").with("no-token", "");
    let run = |name: &str, value: &str| {
        let mut script = cluster.script(&["development", "one"]);
        script.env_remove("SMOKE_CLIENT_SECRET").env(name, value).output().expect("an end").status.code()
    };
    assert_eq!(run("SMOKE", ""), Some(64));
    assert_eq!(cluster.calls("apply"), 0);
    assert_eq!(run("SMOKE", "skip"), Some(0));
}

#[test]
fn tunnel_that_ends_is_opened_again() {
    let cluster = Cluster::new("tunnel").with("tunnel-ends", "2").with("no-answer", "1");
    let output = cluster.script(&["development", "one"]).env("TIMEOUT_SECONDS", "30").output().expect("an end");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // Two that ended, one without an answer, and those of the three checks.
    assert_eq!(cluster.calls("port-forward"), 6);
}

#[test]
fn rejected_manifests_are_applied_a_second_time() {
    let cluster = Cluster::new("second").with("apply-fails", "1");
    assert_eq!(cluster.deploy("one"), Some(0));
}

#[test]
fn first_release_that_fails_is_not_replaced() {
    let cluster = Cluster::new("first").with("broken", "one");
    assert_eq!(cluster.deploy("one"), Some(2));
    assert_eq!((cluster.running().as_deref(), cluster.recorded()), (Some("one"), None));
}

#[test]
fn failed_rollback_has_its_own_exit_code() {
    let cluster = Cluster::new("both");
    assert_eq!(cluster.deploy("one"), Some(0));
    let cluster = cluster.with("not-migratable", "two").with("broken", "one");
    assert_eq!(cluster.deploy("two"), Some(2));
    assert_eq!(cluster.is_locked(), UNLOCKED);
}

#[test]
fn release_that_cannot_be_recorded_is_reported() {
    let cluster = Cluster::new("record").with("record-fails", "1");
    assert_eq!(cluster.deploy("one"), Some(2));
    assert_eq!(cluster.running().as_deref(), Some("one"));
}

#[test]
fn any_recorded_release_can_be_restored_with_its_own_manifests() {
    let cluster = Cluster::new("back");
    for tag in ["one", "two", "three"] {
        assert_eq!(cluster.deploy(tag), Some(0));
    }
    let recorded = cluster.file("configmap-connectivity-release-one");
    assert_eq!(cluster.back("one"), Some(0), "{}", cluster.file("calls"));
    assert!(recorded.ends_with(&format!("---\n{}", cluster.file("applied.yaml"))), "{recorded}");
    assert_eq!(cluster.recorded().as_deref(), Some("one"));
    assert_eq!(cluster.calls("delete job"), 3, "going back does not migrate, whatever the schema is");
    assert_eq!(cluster.calls("kustomize"), 6, "nothing is rendered from this checkout");
    // A later rollout that fails goes back to the chosen release, not to the one that was left.
    let cluster = cluster.with("broken", "four");
    assert_eq!(cluster.deploy("four"), Some(1));
    assert_eq!(cluster.running().as_deref(), Some("one"));
}

#[test]
fn release_that_was_left_is_never_restored() {
    let cluster = Cluster::new("left");
    assert_eq!((cluster.deploy("one"), cluster.deploy("two")), (Some(0), Some(0)));
    let cluster = cluster.with("broken", "one");
    assert_eq!(cluster.back("one"), Some(2));
    assert_eq!(cluster.running().as_deref(), Some("one"), "two is not applied again");
    let cluster = cluster.with("broken", "three");
    assert_eq!(cluster.deploy("three"), Some(2));
    assert_eq!(cluster.running().as_deref(), Some("three"), "nor by the next rollout that fails");
    assert_eq!(cluster.back("two"), Some(0), "unless it is chosen");
}

#[test]
fn last_healthy_release_that_fails_again_is_not_restored_by_itself() {
    let cluster = Cluster::new("again");
    assert_eq!(cluster.deploy("one"), Some(0));
    let cluster = cluster.with("broken", "one");
    let output = cluster.run(&["development", "one"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("itself the last healthy release"));
    assert_eq!(cluster.calls("notin (migration)"), 2, "it is applied once in each rollout");
}

#[test]
fn release_that_was_never_healthy_cannot_be_restored() {
    let cluster = Cluster::new("unknown").with("broken", "two");
    assert_eq!((cluster.deploy("one"), cluster.deploy("two")), (Some(0), Some(1)));
    let applied = cluster.calls("apply");
    assert_eq!((cluster.back("two"), cluster.back("three")), (Some(64), Some(64)));
    assert_eq!(cluster.calls("apply"), applied);
    assert_eq!(cluster.is_locked(), UNLOCKED);
}

#[test]
fn old_releases_are_removed() {
    let cluster = Cluster::new("keep");
    for tag in ["one", "two", "three"] {
        let status = cluster.script(&["development", tag]).env("KEEP_RELEASES", "2").status().expect("an end");
        assert!(status.success());
    }
    assert_eq!((cluster.back("one"), cluster.back("two")), (Some(64), Some(0)));
}

#[test]
fn second_rollout_at_once_is_refused() {
    let cluster = Cluster::new("lock").with("slow", "one");
    let mut script = cluster.script(&["development", "one"]);
    let first = script.env("TIMEOUT_SECONDS", "60").env("RENEW_SECONDS", "0.05").spawn().expect("a script");
    cluster.await_calls("rollout status", 1);
    cluster.await_calls("patch lease", 2);
    assert!(cluster.file("lease").contains("renewTime: \"renewed\""));
    // The substitute does not write a time that can be compared.
    let cluster = cluster.with("lease", "  holderIdentity: \"a pipeline\"\n  renewTime: \"now\"\n");
    let applied = cluster.calls("apply -f");
    let output = cluster.run(&["development", "two"]);
    assert_eq!(output.status.code(), Some(75));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in progress (a pipeline)"));
    assert_eq!(cluster.back("two"), Some(75));
    assert_eq!(cluster.calls("apply -f"), applied);
    assert!(cluster.is_locked(), "the lock of the other rollout stays");
    // The first one does not hold the lock any more.
    assert_eq!(interrupt(first, "-INT").status.code(), Some(130));
    assert_eq!((cluster.calls("apply -f"), cluster.is_locked()), (applied, true));
}

#[test]
fn lock_of_a_process_that_was_killed_expires() {
    let expired = "  holderIdentity: \"gone\"\n  renewTime: \"2020-01-01T00:00:00.000000Z\"\n";
    let cluster = Cluster::new("expired").with("lease", expired);
    assert_eq!(cluster.deploy("one"), Some(0));
    assert_eq!(cluster.is_locked(), UNLOCKED);
    let cluster = cluster.with("lease", expired).with("lease-conflict", "");
    assert_eq!(cluster.deploy("two"), Some(75), "another process was faster");
    assert_eq!(cluster.running().as_deref(), Some("one"));
}

#[test]
fn rollout_that_lost_its_lock_applies_nothing_more() {
    let cluster = Cluster::new("stolen").with("lock-stolen", "two");
    assert_eq!(cluster.deploy("one"), Some(0));
    assert_eq!(cluster.deploy("two"), Some(2));
    assert_eq!(cluster.running().as_deref(), Some("one"), "neither the new release nor the last one");
    assert!(cluster.is_locked(), "the lock is another rollout's");
}

#[test]
fn lock_that_cannot_be_taken_ends_the_script() {
    let cluster = Cluster::new("forbidden").with("no-leases", "");
    let output = cluster.run(&["development", "one"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("leases is forbidden"));
    assert_eq!(cluster.calls("apply"), 0);
}

#[test]
fn cancelled_rollout_applies_the_last_healthy_release() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130), ("-HUP", 129)] {
        let cluster = Cluster::new(&format!("cancel{signal}")).with("slow", "two");
        assert_eq!(cluster.deploy("one"), Some(0));
        let script = cluster.script(&["development", "two"]).env("TIMEOUT_SECONDS", "60").spawn().expect("a script");
        cluster.await_calls("rollout status", 3);
        assert_eq!(cluster.running().as_deref(), Some("two"));
        assert_eq!(interrupt(script, signal).status.code(), Some(code));
        assert_eq!((cluster.running(), cluster.recorded()), (Some("one".into()), Some("one".into())), "{signal}");
        assert_eq!(cluster.is_locked(), UNLOCKED, "{signal}");
        assert_eq!(cluster.deploy("three"), Some(0));
    }
}

#[test]
fn cancelled_rollout_without_a_healthy_release_says_so() {
    for (name, first, expected) in [
        ("cancel-first", None, "cancelled: inspect the namespace"),
        ("cancel-refused", Some("one"), "the last healthy release could not be applied"),
    ] {
        let cluster = Cluster::new(name);
        if let Some(tag) = first {
            assert_eq!(cluster.deploy(tag), Some(0));
        }
        let cluster = cluster.with("stuck-migration", "two").with("not-applicable", "one");
        let script = cluster.script(&["development", "two"]).env("TIMEOUT_SECONDS", "60").spawn().expect("a script");
        cluster.await_calls("get job", if first.is_some() { 2 } else { 1 });
        let output = interrupt(script, "-TERM");
        assert_eq!(output.status.code(), Some(143), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{name}: {output:?}");
        assert_eq!(cluster.is_locked(), UNLOCKED, "{name}");
    }
}

#[test]
fn release_that_cannot_be_rendered_changes_nothing() {
    let cluster = Cluster::new("rendered").with("not-renderable", "1");
    assert_eq!(cluster.deploy("one"), Some(1));
    assert_eq!((cluster.calls("apply"), cluster.is_locked()), (0, UNLOCKED));
}

#[test]
fn cancelled_return_does_not_apply_the_release_that_was_left() {
    let cluster = Cluster::new("cancel-back");
    assert_eq!((cluster.deploy("one"), cluster.deploy("two")), (Some(0), Some(0)));
    let cluster = cluster.with("slow", "one");
    let mut script = cluster.script(&["development", "--back", "one"]);
    let script = script.env("TIMEOUT_SECONDS", "60").spawn().expect("a script");
    cluster.await_calls("rollout status", 5);
    assert_eq!(interrupt(script, "-TERM").status.code(), Some(143));
    assert_eq!((cluster.running().as_deref(), cluster.is_locked()), (Some("one"), UNLOCKED));
}

#[test]
fn wrong_arguments_change_nothing() {
    let cluster = Cluster::new("arguments");
    let mut codes = String::new();
    for arguments in [
        &["nowhere", "one"][..],
        &["", "one"],
        &["development"],
        &["development", ""],
        &["development", "--back"],
        &["development", "--forward", "one"],
        &["development", "one", "two"],
        &["development", "UPPER"],
        &["development", "../one"],
        &[],
    ] {
        let code = cluster.run(arguments).status.code().unwrap_or_default();
        writeln!(codes, "{arguments:?}: {code}").expect("a text");
    }
    assert_eq!(codes.matches(": 64\n").count(), 10, "{codes}");
    let incomplete = cluster.script(&["development", "one"]).env("IMAGES", "/dev/null").status().expect("an end");
    assert_eq!(incomplete.code(), Some(64), "an image has no digest");
    assert_eq!((cluster.calls("apply"), cluster.is_locked()), (0, UNLOCKED));
}

#[test]
fn placeholders_are_not_deployed_to_staging_and_production() {
    let cluster = Cluster::new("placeholders");
    for (value, is_placeholder) in [
        ("public_url=https://connectivity.example", true),
        ("trusted_proxies=192.0.2.10", true),
        ("public_url=https://connectivity.example.org", false),
    ] {
        // The settings of the smoke test are missing, which is noticed after the placeholders.
        let output = cluster.copied_script(value).args(["production", "one"]).output().expect("a script that runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{value}: {message}");
        assert_eq!(message.contains("placeholders"), is_placeholder, "{value}: {message}");
    }
}

#[test]
fn release_can_be_rendered_without_a_change() {
    let cluster = Cluster::new("render");
    let output = cluster.run(&["development", "--render", "one"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("connectivity/release: r-"));
    assert!(cluster.file("calls").lines().all(|call| call.starts_with("kustomize ")));
}
