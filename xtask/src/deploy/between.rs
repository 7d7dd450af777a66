//! References between files: settings, config maps and secrets.

use super::manifests::{at, called, find, read};
use super::{access, capacity, network, pods, selectors, variables, walk};
use crate::failure::Failure;
use crate::project::text;
use serde_json::Value;

/// Returns the problems of an environment's manifests.
pub(super) fn manifests(objects: &[Value]) -> Result<Vec<String>, Failure> {
    let mut found = variables::differences(objects, &text("spin.toml")?)?;
    found.extend(bridge(objects, &text("bridge/src/settings/table.rs")?));
    found.extend(references(objects, &read("k8s/base/secrets.template.yaml")?));
    found.extend(objects.iter().flat_map(pods::problems));
    found.extend(access::differences(objects));
    found.extend(network::problems(objects));
    found.extend(capacity::problems(objects));
    found.extend(selectors::problems(objects)?);
    Ok(found)
}

/// Checks that the bridge has the settings that it is given, and enough time to stop.
fn bridge(objects: &[Value], source: &str) -> Vec<String> {
    let settings = find(objects, "ConfigMap", "connectivity-bridge-settings").unwrap_or(&Value::Null);
    let names = settings.pointer("/data").and_then(Value::as_object).into_iter().flat_map(|data| data.keys());
    let mut found: Vec<_> = names
        .filter(|name| !source.contains(*name))
        .map(|name| format!("{name} is not a setting of the bridge"))
        .collect();
    let grace = at(settings, "/data/BRIDGE_GRACE_SECONDS").parse().ok();
    let killed_after = find(objects, "Deployment", "connectivity-bridge")
        .and_then(|bridge| bridge.pointer("/spec/template/spec/terminationGracePeriodSeconds")?.as_u64());
    if grace.is_none() || killed_after <= grace {
        found.push(format!("the bridge is killed after {killed_after:?} s, but may take {grace:?} s to stop"));
    }
    found
}

/// Checks that every referenced config map exists, with its key unless that is optional, and that
/// every referenced secret is in the template and nowhere else.
fn references(objects: &[Value], template: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for object in objects {
        if at(object, "/kind") == "Secret" {
            found.push(format!("{} must not be among the manifests", called(object)));
        }
        walk(object, &mut |key, value| {
            let (name, field) = (at(value, "/name"), at(value, "/key"));
            let missing = match key {
                "configMapKeyRef" if value.get("optional") == Some(&Value::Bool(true)) => {
                    find(objects, "ConfigMap", name).is_none()
                }
                "configMapKeyRef" => !has(objects, "ConfigMap", name, "/data", field),
                "configMapRef" => find(objects, "ConfigMap", name).is_none(),
                "secretKeyRef" => !has(template, "Secret", name, "/stringData", field),
                _ => false,
            };
            if missing {
                found.push(format!("{}: {name} with the key {field:?} does not exist", called(object)));
            }
        });
    }
    found
}

fn has(objects: &[Value], kind: &str, name: &str, pointer: &str, key: &str) -> bool {
    find(objects, kind, name).and_then(|object| object.pointer(pointer)?.get(key)).is_some()
}

/// Checks that templates of secrets have no values, and that docker-compose.yml has no defaults for
/// them.
pub(super) fn secrets() -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let example = text(".env.example")?;
    let filled = example.lines().filter(|line| !line.starts_with('#') && !line.ends_with('=') && !line.is_empty());
    found.extend(filled.map(|line| format!(".env.example: {line}")));
    for secret in read("k8s/base/secrets.template.yaml")? {
        let values = secret.pointer("/stringData").and_then(Value::as_object).into_iter().flatten();
        let filled = values.filter(|(_, value)| !value.is_null());
        found.extend(filled.map(|(key, _)| format!("{}: {key} has a value", called(&secret))));
    }
    let compose = text("docker-compose.yml")?;
    let used = compose.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    found.extend(
        used.filter(|used| !used.contains(":?")).map(|used| format!("docker-compose.yml: ${{{used}}} has a default")),
    );
    Ok(found)
}
