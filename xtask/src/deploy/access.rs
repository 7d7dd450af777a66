//! Who holds which key, and whose word about a client's address is taken.

use super::manifests::{at, find};
use serde_json::Value;

/// The variables of the application that an environment must provide, and where from.
const APPLICATION: [(&str, &str); 3] =
    [("jwt_signing_key", "secretKeyRef"), ("jwt_public_keys", "secretKeyRef"), ("trusted_proxies", "configMapKeyRef")];

/// The variables of the bridge that an environment must provide.
const BRIDGE: [&str; 2] = ["BRIDGE_CLIENT_ID", "BRIDGE_CLIENT_SECRET"];

/// Returns what the manifests allow beyond the least: a key that both signs and verifies tokens, or
/// values that must be of one environment and are not.
pub(super) fn differences(objects: &[Value]) -> Vec<String> {
    let variables = |kind: &str, name: &str, pointer: &str| {
        let list = find(objects, kind, name).and_then(|object| object.pointer(pointer)?.as_array().cloned());
        list.unwrap_or_default()
    };
    let application = variables("SpinApp", "connectivity", "/spec/variables");
    let bridge = variables("Deployment", "connectivity-bridge", "/spec/template/spec/containers/0/env");
    let mut found = Vec::new();
    let needed = APPLICATION.iter().map(|(name, from)| (&application, *name, *from));
    for (given, name, from) in needed.chain(BRIDGE.iter().map(|name| (&bridge, *name, "secretKeyRef"))) {
        let source = given.iter().find(|variable| at(variable, "/name") == name);
        let source = source.and_then(|variable| variable.pointer("/valueFrom")?.get(from));
        if source.is_none_or(|source| source.get("optional").is_some()) {
            found.push(format!("{name} must come from a {from} that is not optional"));
        }
    }
    for (given, name) in [(&application, "jwt_secret"), (&bridge, "JWT_SECRET")] {
        if given.iter().any(|variable| at(variable, "/name") == name) {
            found.push(format!("{name} signs tokens of every scope: use the key pair and service accounts"));
        }
    }
    for map in objects.iter().filter(|object| at(object, "/kind") == "ConfigMap") {
        if map.pointer("/data/trusted_proxies").is_some() {
            found.push("trusted_proxies must have no value in the manifests: it differs in each environment".into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn objects() -> Vec<Value> {
        let from = |name: &str, kind: &str| json!({"name": name, "valueFrom": {kind: {"name": "n", "key": "k"}}});
        let variables: Vec<_> = APPLICATION.iter().map(|(name, kind)| from(name, kind)).collect();
        let env: Vec<_> = BRIDGE.iter().map(|name| from(name, "secretKeyRef")).collect();
        vec![
            json!({"kind": "SpinApp", "metadata": {"name": "connectivity"}, "spec": {"variables": variables}}),
            json!({"kind": "Deployment", "metadata": {"name": "connectivity-bridge"},
                   "spec": {"template": {"spec": {"containers": [{"env": env}]}}}}),
            json!({"kind": "ConfigMap", "metadata": {"name": "connectivity-settings"}, "data": {}}),
        ]
    }

    #[test]
    fn missing_optional_and_master_keys_are_reported() {
        assert_eq!(differences(&objects()), [""; 0]);
        assert_eq!(differences(&[]).len(), APPLICATION.len() + BRIDGE.len());
        let env = "/spec/template/spec/containers/0/env/0";
        for (object, pointer, wrong) in [
            (0, "/spec/variables/0/name", json!("jwt_secret")),
            (0, "/spec/variables/2/valueFrom", json!({"configMapKeyRef": {"name": "n", "key": "k", "optional": true}})),
            (0, "/spec/variables/1", json!({"name": "jwt_public_keys", "value": "{}"})),
            (1, env, json!({"name": "JWT_SECRET", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}})),
            (2, "/data", json!({"trusted_proxies": "10.0.0.0/8"})),
        ] {
            let mut changed = objects();
            *changed[object].pointer_mut(pointer).expect("a value") = wrong;
            assert!(!differences(&changed).is_empty(), "{pointer}");
        }
    }
}
