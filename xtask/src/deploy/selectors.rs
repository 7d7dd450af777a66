//! Labels, names and ports by which objects find pods, also those that SpinKube's operator makes.

use super::manifests::{at, called};
use crate::cluster::operator;
use crate::failure::Failure;
use serde_json::Value;

/// Where the labels stand by which an object selects pods.
const SELECTORS: [(&str, &str); 3] = [
    ("Service", "/spec/selector"),
    ("PodDisruptionBudget", "/spec/selector/matchLabels"),
    ("PodMonitor", "/spec/selector/matchLabels"),
];

/// Returns the problems of objects that select no pods, name no port of them, or scale nothing.
pub(super) fn problems(objects: &[Value]) -> Result<Vec<String>, Failure> {
    let all: Vec<_> = objects.iter().cloned().chain(operator::made(objects)?).collect();
    let deployments: Vec<_> = all.iter().filter(|object| at(object, "/kind") == "Deployment").collect();
    Ok(all.iter().flat_map(|object| of_object(object, &deployments)).collect())
}

fn of_object(object: &Value, deployments: &[&Value]) -> Vec<String> {
    if let Some(target) = object.pointer("/spec/scaleTargetRef/name").and_then(Value::as_str) {
        let exists = deployments.iter().any(|deployment| at(deployment, "/metadata/name") == target);
        return if exists { vec![] } else { vec![format!("{} scales {target}, which does not exist", called(object))] };
    }
    let Some((_, pointer)) = SELECTORS.iter().find(|(kind, _)| at(object, "/kind") == *kind) else { return vec![] };
    let selector = object.pointer(pointer).unwrap_or(&Value::Null);
    let selected: Vec<_> = deployments.iter().filter(|deployment| selects(selector, deployment)).collect();
    if selected.is_empty() {
        return vec![format!("{} selects no pods: no pod has the labels {selector}", called(object))];
    }
    let ports = ["/spec/ports", "/spec/podMetricsEndpoints"].iter().filter_map(|list| object.pointer(list)?.as_array());
    let wanted = ports.flatten().filter_map(|port| port.get("targetPort").or_else(|| port.get("port")));
    let missing = wanted.filter(|port| selected.iter().any(|deployment| number_of(port, deployment).is_none()));
    missing.map(|port| format!("{} uses port {port}, which its pods do not have", called(object))).collect()
}

/// Returns whether the pods of a Deployment have all labels of a selector.
pub(crate) fn selects(selector: &Value, deployment: &Value) -> bool {
    let labels = deployment.pointer("/spec/template/metadata/labels").unwrap_or(&Value::Null);
    let Some(selector) = selector.as_object().filter(|selector| !selector.is_empty()) else { return false };
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Returns the number of a port that is given by name or by number, if a container has it.
pub(crate) fn number_of(port: &Value, deployment: &Value) -> Option<u16> {
    let containers = deployment.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let ports = containers.into_iter().flatten().filter_map(|container| container.get("ports")?.as_array()).flatten();
    let has = |found: &&Value| found.get("name") == Some(port) || found.get("containerPort") == Some(port);
    ports.filter(has).find_map(|found| found.get("containerPort")?.as_u64()?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_that_find_no_pods_or_ports_are_reported() {
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
        }}});
        let service = |label: &str, port: Value| {
            json!({"kind": "Service", "metadata": {"name": "web"},
                   "spec": {"selector": {"app": label}, "ports": [{"port": 80, "targetPort": port}]}})
        };
        let scaler = |target: &str| json!({"kind": "ScaledObject", "metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"name": target}}});
        for (object, problem) in [
            (service("web", json!("http")), None),
            (service("web", json!(8080)), None),
            (service("web", json!("other")), Some("uses port \"other\"")),
            (service("other", json!("http")), Some("selects no pods")),
            (scaler("web"), None),
            (scaler("other"), Some("scales other")),
        ] {
            let found = problems(&[deployment.clone(), object.clone()]).expect("readable").join("; ");
            assert!(problem.map_or(found.is_empty(), |problem| found.contains(problem)), "{object}: {found}");
        }
    }
}
