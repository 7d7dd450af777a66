//! Rules for the workflows: what they may do, and in which order.

use super::manifests::{at, read};
use crate::failure::{Failure, failed};
use crate::project::root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The workflows by the names of their files.
type Workflows = BTreeMap<String, Value>;

/// The jobs that may write something, and what. Every other job may read the contents at most.
const MAY_WRITE: [(&str, &str, &[&str]); 7] = [
    ("cluster.yml", "cluster", &["packages"]),
    ("cd.yml", "publish", &["packages", "id-token"]),
    ("cd.yml", "development", &["packages", "id-token"]),
    ("cd.yml", "staging", &["packages", "id-token"]),
    ("cd.yml", "production", &["packages", "id-token"]),
    ("rollout.yml", "rollout", &["packages", "id-token"]),
    ("release.yml", "release", &["contents", "packages", "id-token"]),
];

/// The jobs, and those that must have succeeded before.
const NEEDS: [(&str, &str, &str); 6] = [
    ("cd.yml", "publish", "ci"),
    ("cd.yml", "development", "publish"),
    ("cd.yml", "staging", "publish"),
    ("cd.yml", "production", "staging"),
    ("release.yml", "dist", "ci"),
    ("release.yml", "release", "dist"),
];

/// The jobs that run for one branch only, by a part of their condition.
const BRANCHES: [(&str, &str, &str); 3] = [
    ("cd.yml", "development", "github.ref != 'refs/heads/main'"),
    ("cd.yml", "staging", "github.ref == 'refs/heads/main'"),
    ("cd.yml", "production", "github.ref == 'refs/heads/main'"),
];

/// The steps of a job that must follow each other, by a part of what they run.
const ORDER: [(&str, &str, &[&str]); 3] = [
    ("cd.yml", "publish", &["k8s/publish.sh", "trivy image", "cosign sign"]),
    ("rollout.yml", "rollout", &["k8s/verify.sh", "deploy.sh \"$ENVIRONMENT\" \"$TAG\"", "k8s/promote.sh"]),
    ("release.yml", "release", &["k8s/verify.sh", "cosign sign-blob", "gh release create", "k8s/promote.sh"]),
];

/// Reads the workflows, and returns what breaks the rules.
pub(super) fn check() -> Result<Vec<String>, Failure> {
    Ok(problems(&workflows()?))
}

fn workflows() -> Result<Workflows, Failure> {
    let folder = root().join(".github/workflows");
    let entries = std::fs::read_dir(&folder).map_err(failed(folder.display().to_string()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let read_one = |name: String| {
        let mut documents = read(&format!(".github/workflows/{name}"))?;
        Ok((name, documents.pop().unwrap_or_default()))
    };
    names.map(read_one).collect()
}

fn problems(workflows: &Workflows) -> Vec<String> {
    let mut found = Vec::new();
    for (name, workflow) in workflows {
        if let Some(what) = workflow.get("permissions").map_or(Some("no"), |given| excess(given, &[])) {
            found.push(format!("{name}: the permissions of the workflow must be `{{}}` or reading: {what}"));
        }
        if workflow.pointer("/on/pull_request_target").is_some() {
            found.push(format!("{name}: pull_request_target gives secrets to pull requests"));
        }
        for (id, job) in jobs(workflow) {
            let allowed = MAY_WRITE.iter().find(|row| (row.0, row.1) == (name, id)).map_or(&[][..], |row| row.2);
            if let Some(what) = job.get("permissions").and_then(|given| excess(given, allowed)) {
                found.push(format!("{name}: the job {id} may not have the permission {what}"));
            }
            let steps = steps(job).filter_map(|step| step.get("uses")?.as_str());
            let unpinned = steps.chain(job.get("uses").and_then(Value::as_str)).filter(|action| !is_pinned(action));
            found.extend(unpinned.map(|action| format!("{name}: {action} is not pinned to a commit")));
        }
    }
    let job = |name: &str, id: &str| workflows.get(name).and_then(|workflow| workflow.pointer(&format!("/jobs/{id}")));
    for (name, id, needed) in NEEDS {
        if !job(name, id).is_some_and(|job| names(job.get("needs")).contains(needed)) {
            found.push(format!("{name}: the job {id} must need {needed}"));
        }
    }
    for (name, id, condition) in BRANCHES {
        if !job(name, id).is_some_and(|job| at(job, "/if").contains(condition)) {
            found.push(format!("{name}: the job {id} must have the condition {condition}"));
        }
    }
    for (name, id, order) in ORDER {
        let runs: Vec<_> = job(name, id).into_iter().flat_map(steps).map(|step| at(step, "/run")).collect();
        let places = order.iter().map(|part| runs.iter().position(|run| run.contains(part)));
        if !places.clone().all(|place| place.is_some()) || !places.is_sorted() {
            found.push(format!("{name}: the job {id} must run {} in this order", order.join(", ")));
        }
    }
    for name in ["cd.yml", "release.yml"] {
        if !job(name, "ci").is_some_and(|job| at(job, "/uses").ends_with("/.github/workflows/ci.yml")) {
            found.push(format!("{name}: the job ci must call ci.yml"));
        }
    }
    for (name, id) in [("cd.yml", "publish"), ("rollout.yml", "rollout"), ("release.yml", "release")] {
        if job(name, id).is_none_or(|job| job.get("environment").is_none()) {
            found.push(format!("{name}: the job {id} must have an environment, which restricts its branches"));
        }
    }
    found
}

/// Returns a permission that is neither reading nor in the list.
fn excess<'a>(given: &'a Value, allowed: &[&str]) -> Option<&'a str> {
    let Some(given) = given.as_object() else { return Some(given.as_str().unwrap_or("unknown")) };
    let excess = given.iter().find(|(what, level)| {
        let writes = *level != "read" && *level != "none";
        writes && !allowed.contains(&what.as_str())
    });
    excess.map(|(what, _)| what.as_str())
}

/// Returns whether an action is named by the full hash of a commit, or belongs to this repository.
fn is_pinned(action: &str) -> bool {
    let hash = action.rsplit_once('@').map_or("", |(_, hash)| hash);
    action.starts_with("$/") || hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow.get("jobs").and_then(Value::as_object).into_iter().flatten()
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job.get("steps").and_then(Value::as_array).into_iter().flatten()
}

/// Returns the jobs in `needs`, which may be one name or a list.
fn names(needs: Option<&Value>) -> BTreeSet<&str> {
    let list = needs.and_then(Value::as_array).into_iter().flatten();
    list.chain(needs).filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Changes a value of a workflow, and returns what is reported.
    fn after(name: &str, pointer: &str, value: Value) -> Vec<String> {
        let mut workflows = workflows().expect("the workflows");
        assert_eq!(problems(&workflows), [""; 0]);
        let workflow = workflows.get_mut(name).expect(name);
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = workflow.pointer_mut(parent).unwrap_or_else(|| panic!("{name} has no {pointer}"));
        match (parent, value) {
            (Value::Array(items), Value::Null) => drop(items.remove(key.parse().expect("an index"))),
            (Value::Array(items), value) => items[key.parse::<usize>().expect("an index")] = value,
            (Value::Object(object), Value::Null) => drop(object.remove(key).expect("a key")),
            (Value::Object(object), value) => drop(object.insert(key.to_owned(), value)),
            _ => panic!("{pointer} is no list or map"),
        }
        problems(&workflows)
    }

    /// Returns the pointer to the step of a job that runs this.
    fn step(name: &str, job: &str, run: &str) -> String {
        let workflows = workflows().expect("the workflows");
        let job = format!("/jobs/{job}");
        let place = steps(&workflows[name].pointer(&job).expect("a job").clone())
            .position(|step| at(step, "/run").contains(run));
        format!("{job}/steps/{}", place.expect("a step"))
    }

    #[test]
    fn every_change_that_breaks_a_rule_is_reported() {
        let write = || json!({"contents": "write"});
        for (name, pointer, value) in [
            ("ci.yml", "/permissions", Value::Null),
            ("ci.yml", "/permissions", json!("write-all")),
            ("ci.yml", "/permissions", write()),
            ("cd.yml", "/permissions", write()),
            ("ci.yml", "/on/pull_request_target", json!({})),
            ("ci.yml", "/jobs/test/permissions", write()),
            ("cd.yml", "/jobs/publish/permissions", write()),
            ("rollout.yml", "/jobs/rollout/permissions", write()),
            ("ci.yml", "/jobs/lint/steps/0/uses", json!("actions/checkout@v7")),
            ("cd.yml", "/jobs/staging/uses", json!("owner/repository/.github/workflows/rollout.yml@main")),
            ("cd.yml", "/jobs/publish/needs", Value::Null),
            ("cd.yml", "/jobs/production/needs", json!(["publish"])),
            ("cd.yml", "/jobs/staging/if", Value::Null),
            ("cd.yml", "/jobs/production/if", json!("always()")),
            ("cd.yml", "/jobs/ci", Value::Null),
            ("cd.yml", "/jobs/ci/uses", json!("$/.github/workflows/rollout.yml")),
            ("cd.yml", "/jobs/publish/environment", Value::Null),
            ("rollout.yml", "/jobs/rollout/environment", Value::Null),
        ] {
            let shown = value.to_string();
            assert!(!after(name, pointer, value).is_empty(), "{name}{pointer}: {shown}");
        }
    }

    #[test]
    fn steps_that_protect_a_rollout_cannot_be_left_out() {
        for (name, job, order) in ORDER {
            for run in order {
                assert!(!after(name, &step(name, job, run), Value::Null).is_empty(), "{name}: {run}");
            }
        }
    }

    #[test]
    fn later_protection_is_reported() {
        let verify = step("rollout.yml", "rollout", "k8s/verify.sh");
        let deploy = step("rollout.yml", "rollout", "deploy.sh \"$ENVIRONMENT\" \"$TAG\"");
        let workflows = workflows().expect("the workflows");
        let value = workflows["rollout.yml"].pointer(&deploy).expect("a step").clone();
        assert!(!after("rollout.yml", &verify, value).is_empty());
    }
}
