//! References between files: variables, settings, secrets, metrics and runbook pages.

use super::access;
use super::manifests::{at, called, find, read};
use crate::failure::{Failure, failed};
use crate::project::text;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The metrics of the components that alerts use. The bridge's are found in bridge/src/metrics.rs.
const COMPONENT_METRICS: [&str; 5] = [
    "connectivity_http_requests_total",
    "connectivity_registry_calls_total",
    "connectivity_breaker_open",
    "connectivity_outbox_oldest_seconds",
    "connectivity_outbox_depth",
];

/// Returns the problems of an environment's manifests.
pub(super) fn manifests(objects: &[Value]) -> Result<Vec<String>, Failure> {
    let mut found = variables(objects, &text("spin.toml")?)?;
    found.extend(bridge(objects, &text("bridge/src/settings/table.rs")?));
    found.extend(references(objects, &read("k8s/base/secrets.template.yaml")?));
    found.extend(objects.iter().flat_map(hardened));
    found.extend(access::differences(objects));
    Ok(found)
}

/// Checks that the variables of the `SpinApp` are those of spin.toml, and that secret ones come
/// from secrets.
fn variables(objects: &[Value], manifest: &str) -> Result<Vec<String>, Failure> {
    let manifest: Value = toml::from_str(manifest).map_err(failed("spin.toml"))?;
    let Some(declared) = manifest.pointer("/variables").and_then(Value::as_object) else { return Ok(Vec::new()) };
    let given = find(objects, "SpinApp", "connectivity").and_then(|application| application.pointer("/spec/variables"));
    let given = given.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is = |declaration: &Value, what: &str| declaration.get(what) == Some(&json!(true));
    let mut found = Vec::new();
    for variable in given {
        let name = at(variable, "/name");
        match declared.get(name) {
            None => found.push(format!("{name} is not a variable of spin.toml")),
            Some(declaration) if is(declaration, "secret") && variable.pointer("/valueFrom/secretKeyRef").is_none() => {
                found.push(format!("{name} is secret, but does not come from a secret"));
            }
            Some(_) => {}
        }
    }
    for (name, declaration) in declared {
        if is(declaration, "required") && !given.iter().any(|variable| at(variable, "/name") == name) {
            found.push(format!("{name} is required, but has no value"));
        }
    }
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

/// Checks that every referenced config map exists or is in the template, and that every referenced
/// secret is in the template and nowhere else.
fn references(objects: &[Value], template: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for object in objects {
        if at(object, "/kind") == "Secret" {
            found.push(format!("{} must not be among the manifests", called(object)));
        }
        walk(object, &mut |key, value| {
            let (name, field) = (at(value, "/name"), at(value, "/key"));
            let missing = match key {
                "configMapKeyRef" => ![objects, template].iter().any(|all| has(all, "ConfigMap", name, "/data", field)),
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

/// Checks that our pods have no permissions that they do not need.
fn hardened(object: &Value) -> Vec<String> {
    let Some(pod) = object.pointer("/spec/template/spec") else { return Vec::new() };
    let mut found = Vec::new();
    let mut must = |what: &str, holds: bool| {
        if !holds {
            found.push(format!("{}: {what}", called(object)));
        }
    };
    must("must not run as root", pod.pointer("/securityContext/runAsNonRoot") == Some(&json!(true)));
    must("needs a seccomp profile", at(pod, "/securityContext/seccompProfile/type") == "RuntimeDefault");
    must("must not mount a token", pod.get("automountServiceAccountToken") == Some(&json!(false)));
    for container in pod.get("containers").and_then(Value::as_array).into_iter().flatten() {
        let is = |pointer: &str, value: Value| container.pointer(pointer) == Some(&value);
        must("must have a read-only root", is("/securityContext/readOnlyRootFilesystem", json!(true)));
        must("must not gain privileges", is("/securityContext/allowPrivilegeEscalation", json!(false)));
        must("must drop all capabilities", is("/securityContext/capabilities/drop", json!(["ALL"])));
        let bounded = ["cpu", "memory"].iter().all(|what| {
            ["requests", "limits"].iter().all(|of| container.pointer(&format!("/resources/{of}/{what}")).is_some())
        });
        must("needs requests and limits", bounded);
    }
    found
}

/// Checks that every alert has a page in the runbook, and that alerts and dashboards use metrics
/// that exist.
pub(super) fn alerts() -> Result<Vec<String>, Failure> {
    let (runbook, bridge) = (text("docs/operations.md")?, text("bridge/src/metrics.rs")?);
    let anchors: BTreeSet<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| format!("docs/operations.md#{}", title.to_lowercase()))
        .collect();
    let rules = read("monitoring/alerts.yaml")?;
    let dashboard = serde_json::from_str(&text("monitoring/grafana/dashboards/connectivity.json")?);
    let dashboard = dashboard.map_err(failed("the dashboard"))?;
    let mut found = Vec::new();
    for document in rules.iter().chain([&dashboard]) {
        walk(document, &mut |key, value| {
            let text = value.as_str().unwrap_or_default();
            match key {
                "runbook_url" if !anchors.contains(text) => found.push(format!("{text} does not exist")),
                "expr" => found.extend(unknown_metrics(text, &bridge)),
                _ => {}
            }
        });
    }
    Ok(found)
}

fn unknown_metrics(expression: &str, bridge: &str) -> Vec<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("connectivity_"));
    let unknown = ours.filter(|name| !COMPONENT_METRICS.contains(name) && !bridge.contains(&format!("\"{name}\"")));
    unknown.map(|name| format!("the metric {name} does not exist")).collect()
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

/// Calls `seen` with every field, at any depth.
fn walk(value: &Value, seen: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            seen(key, value);
            walk(value, seen);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, seen)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_missing_and_exposed_variables_are_reported() {
        let manifest = "[variables]\na = { required = true }\nb = { default = '', secret = true }\n";
        let application = json!({"kind": "SpinApp", "metadata": {"name": "connectivity"}, "spec": {"variables": [
            {"name": "b", "value": "plain"}, {"name": "c", "value": "x"},
        ]}});
        let found = variables(&[application], manifest).expect("readable");
        assert_eq!(
            found,
            [
                "b is secret, but does not come from a secret",
                "c is not a variable of spin.toml",
                "a is required, but has no value"
            ]
        );
    }

    #[test]
    fn pod_with_permissions_is_reported() {
        let pod = json!({"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": {"spec": {
            "containers": [{"securityContext": {"readOnlyRootFilesystem": true}}],
        }}}});
        assert_eq!(hardened(&pod).len(), 6, "{:?}", hardened(&pod));
    }

    #[test]
    fn unknown_metric_is_reported() {
        let expression = "rate(connectivity_breaker_open[5m]) > connectivity_no_such_total{a=\"b\"}";
        assert_eq!(unknown_metrics(expression, ""), ["the metric connectivity_no_such_total does not exist"]);
    }
}
