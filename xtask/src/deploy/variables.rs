//! The variables of spin.toml, and the manifests that give them values.

use super::manifests::{at, find};
use crate::failure::{Failure, failed};
use serde_json::{Value, json};

/// The variable that no environment sets: whoever holds it can sign tokens of every scope.
const DEVELOPMENT: &str = "jwt_secret";

/// The config maps whose keys are variables.
const MAPS: [&str; 2] = ["connectivity-settings", "connectivity-environment"];

/// Returns the differences between the variables of the `SpinApp`, those of spin.toml, and the keys
/// of the config maps.
pub(super) fn differences(objects: &[Value], manifest: &str) -> Result<Vec<String>, Failure> {
    let manifest: Value = toml::from_str(manifest).map_err(failed("spin.toml"))?;
    let Some(declared) = manifest.pointer("/variables").and_then(Value::as_object) else {
        return Err(Failure("spin.toml has no variables".into()));
    };
    let given = find(objects, "SpinApp", "connectivity").and_then(|application| application.pointer("/spec/variables"));
    let given = given.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<_> =
        given.iter().filter_map(|variable| wrong(variable, declared.get(name(variable))?)).collect();
    let is_given = |name: &str| given.iter().any(|variable| self::name(variable) == name);
    found.extend(
        given.iter().map(name).filter(|name| !declared.contains_key(*name)).map(|name| {
            format!("{name} is not a variable of spin.toml: correct the name, or remove it from the SpinApp")
        }),
    );
    found.extend(declared.keys().filter(|name| *name != DEVELOPMENT && !is_given(name)).map(|name| {
        format!("{name} is a variable of spin.toml, but the SpinApp has no reference to a value: add one")
    }));
    for (map, key) in MAPS.iter().flat_map(|map| keys(objects, map).map(move |key| (*map, key))) {
        let is_read = given.iter().any(|variable| {
            let reference = variable.pointer("/valueFrom/configMapKeyRef").unwrap_or(&Value::Null);
            at(reference, "/name").starts_with(map) && at(reference, "/key") == key
        });
        if !is_read {
            found.push(format!("{key} of {map} is read by no variable of the SpinApp: correct the name"));
        }
    }
    Ok(found)
}

/// Returns what is wrong with the reference of a declared variable.
fn wrong(variable: &Value, declaration: &Value) -> Option<String> {
    let name = name(variable);
    let reference = |kind: &str| variable.pointer("/valueFrom").and_then(|from| from.get(kind));
    let (secret, map) = (reference("secretKeyRef"), reference("configMapKeyRef"));
    let Some(source) = secret.or(map) else { return Some(format!("{name} must come from a secret or a config map")) };
    if declaration.get("secret") == Some(&json!(true)) && secret.is_none() {
        return Some(format!("{name} is secret, but does not come from a secret"));
    }
    let key = at(source, "/key");
    (key != name).then(|| format!("{name} comes from the key {key}, not from the key of its own name"))
}

fn name(variable: &Value) -> &str {
    at(variable, "/name")
}

fn keys<'a>(objects: &'a [Value], map: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let data = find(objects, "ConfigMap", map).and_then(|map| map.pointer("/data")?.as_object());
    data.into_iter().flat_map(|data| data.keys().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_missing_and_exposed_variables_are_reported() {
        let manifest = "[variables]\na = { required = true }\nb = { default = '', secret = true }\n\
                        d = { default = '' }\njwt_secret = { default = '' }\n";
        let from = |name: &str, map: &str, key: &str| json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": map, "key": key}}});
        let application = json!({"kind": "SpinApp", "metadata": {"name": "connectivity"}, "spec": {"variables": [
            from("b", "connectivity-settings", "b"),
            from("c", "connectivity-settings", "c"),
            from("d", "connectivity-settings", "other"),
        ]}});
        let settings = json!({"kind": "ConfigMap", "metadata": {"name": "connectivity-settings"},
                              "data": {"b": "", "c": "", "d": ""}});
        let found = differences(&[application, settings], manifest).expect("readable");
        let starts = [
            "b is secret",
            "d comes from the key other",
            "c is not a variable of spin.toml",
            "a is a variable of spin.toml",
            "d of connectivity-settings is read by no variable",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }
}
