//! What our pods may do, and what they are given.

use super::manifests::{at, called};
use serde_json::{Value, json};

/// Returns the problems of an object that has a pod template.
pub(super) fn problems(object: &Value) -> Vec<String> {
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
    // The kubelet would set RABBITMQ_PORT=tcp://… for a Service called `rabbitmq`, which the bridge
    // reads as its own setting.
    must("must have enableServiceLinks: false", pod.get("enableServiceLinks") == Some(&json!(false)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_with_permissions_is_reported() {
        let pod = json!({"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": {"spec": {
            "containers": [{"securityContext": {"readOnlyRootFilesystem": true}}],
        }}}});
        assert_eq!(problems(&pod).len(), 7, "{:?}", problems(&pod));
    }
}
