//! Who holds which key, and whose word about a client's address is taken.

use super::manifests::{at, find};
use serde_json::Value;
use std::net::IpAddr;

/// The variables of the application that an environment must provide, and where from.
const APPLICATION: [(&str, &str); 4] = [
    ("jwt_signing_key", "secretKeyRef"),
    ("jwt_public_keys", "secretKeyRef"),
    ("trusted_proxies", "configMapKeyRef"),
    ("public_url", "configMapKeyRef"),
];

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
    found.extend(environment(objects));
    found
}

/// Returns what is wrong with the settings that every environment states for itself.
fn environment(objects: &[Value]) -> Vec<String> {
    let map = find(objects, "ConfigMap", "connectivity-environment").unwrap_or(&Value::Null);
    let value = |name: &str| map.pointer("/data").and_then(|data| data.get(name)?.as_str());
    let mut found = Vec::new();
    let host = value("public_url").and_then(|url| url.strip_prefix("https://")).unwrap_or_default();
    if host.is_empty() || host.contains('/') {
        found.push("public_url must be stated by the overlay, as https://HOST without a path".into());
    }
    let Some(proxies) = value("trusted_proxies") else {
        found.push("trusted_proxies must be stated by the overlay; it is empty where there is no ingress".into());
        return found;
    };
    let wide = proxies.split(',').map(str::trim).filter(|proxy| !is_narrow(proxy));
    found.extend(
        wide.map(|proxy| {
            format!("trusted_proxies names {proxy}: give addresses, or blocks of at most /24 (IPv6: /64)")
        }),
    );
    found
}

/// Returns whether a proxy is an address or a small block, or the list is empty.
fn is_narrow(proxy: &str) -> bool {
    let (address, length) = proxy.split_once('/').unwrap_or((proxy, "128"));
    let least = match address.parse() {
        Ok(IpAddr::V4(_)) => 24,
        Ok(IpAddr::V6(_)) => 64,
        Err(_) => return proxy.is_empty(),
    };
    length.parse().is_ok_and(|length: u8| length >= least)
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
            json!({"kind": "ConfigMap", "metadata": {"name": "connectivity-environment"},
                   "data": {"public_url": "https://a.example", "trusted_proxies": "192.0.2.1, 10.0.0.0/24,2001:db8::/64"}}),
        ]
    }

    #[test]
    fn missing_optional_and_master_keys_are_reported() {
        assert_eq!(differences(&objects()), [""; 0]);
        assert_eq!(differences(&[]).len(), APPLICATION.len() + BRIDGE.len() + 2);
        let env = "/spec/template/spec/containers/0/env/0";
        for (object, pointer, wrong) in [
            (0, "/spec/variables/0/name", json!("jwt_secret")),
            (0, "/spec/variables/2/valueFrom", json!({"configMapKeyRef": {"name": "n", "key": "k", "optional": true}})),
            (0, "/spec/variables/1", json!({"name": "jwt_public_keys", "value": "{}"})),
            (1, env, json!({"name": "JWT_SECRET", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}})),
            (2, "/data/trusted_proxies", json!("10.0.0.0/8")),
            (2, "/data/trusted_proxies", json!("192.0.2.1,everybody")),
            (2, "/data/public_url", json!("")),
            (2, "/data/public_url", json!("https://a.example/path")),
            (2, "/data", json!({"public_url": "https://a.example"})),
        ] {
            let mut changed = objects();
            *changed[object].pointer_mut(pointer).expect("a value") = wrong;
            assert!(!differences(&changed).is_empty(), "{pointer}");
        }
    }
}
