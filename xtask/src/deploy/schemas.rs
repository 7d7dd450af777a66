//! Manifests, checked against the schemas of Kubernetes and of custom resource definitions.

use super::findings::{Findings, folder};
use super::manifests::{at, called};
use crate::failure::{Failure, failed};
use crate::run::program;
use crate::tools::Tools;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The oldest version of Kubernetes that must accept the manifests.
const KUBERNETES: &str = "1.31";

/// Checks the objects of an environment against their schemas.
pub(super) fn check(
    tools: &Tools,
    crds: &Path,
    name: &str,
    objects: &[Value],
    findings: &mut Findings,
) -> Result<(), Failure> {
    let (custom, built_in): (Vec<_>, Vec<_>) = objects.iter().partition(|object| is_custom(object));
    let folder = folder().join(name);
    std::fs::create_dir_all(&folder).map_err(failed(folder.display().to_string()))?;
    match tools.find("kubernetes-validate") {
        Some(validator) => {
            let path = folder.join("built-in.yaml");
            write(&path, &built_in.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n"))?;
            let mut command = program(&validator, &["--strict", "--quiet", "-k", KUBERNETES]);
            findings.add(&format!("{name}: Kubernetes {KUBERNETES}"), complaints(command.arg(path))?);
        }
        None => {
            findings.skip("built-in kinds", "kubernetes-validate is not installed (pip install kubernetes-validate)");
        }
    }
    let schemas = definitions(crds)?;
    let kinds: BTreeSet<_> = custom.iter().map(|object| kind(object)).collect();
    for wanted in kinds {
        let what = format!("{name}: {}", wanted.1);
        let Some(schema) = schemas.get(&wanted) else {
            let problem = format!("{} has no definition of {}: add it", crds.display(), wanted.0);
            findings.add(&what, vec![problem]);
            continue;
        };
        let Some(validator) = tools.find("check-jsonschema") else {
            findings.skip(&wanted.1, "check-jsonschema is not installed (pip install check-jsonschema)");
            continue;
        };
        let schema_path = folder.join(format!("{}.schema.json", wanted.1));
        write(&schema_path, &schema.to_string())?;
        let mut command = program(&validator, &["--schemafile"]);
        command.arg(schema_path);
        for object in custom.iter().filter(|object| kind(object) == wanted) {
            let path = folder.join(format!("{}.json", called(object).replace(' ', "-")));
            write(&path, &object.to_string())?;
            command.arg(path);
        }
        findings.add(&what, complaints(&mut command)?);
    }
    Ok(())
}

/// Runs a checker, and returns the lines that it prints when it fails.
pub(super) fn complaints(command: &mut Command) -> Result<Vec<String>, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(failed(name.clone()))?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    let printed = [output.stdout, output.stderr].concat();
    let lines: Vec<_> = String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect();
    Ok(if lines.is_empty() { vec![format!("{name} ended with {}", output.status)] } else { lines })
}

/// Returns whether an object is of a custom kind. Kubernetes' own groups have no dot in their
/// names, or end in `.k8s.io`.
fn is_custom(object: &Value) -> bool {
    let (version, _) = kind(object);
    version.split_once('/').is_some_and(|(group, _)| group.contains('.') && !group.ends_with(".k8s.io"))
}

fn kind(object: &Value) -> (String, String) {
    (at(object, "/apiVersion").to_owned(), at(object, "/kind").to_owned())
}

/// Returns the schemas of all definitions in a folder, by version and kind.
fn definitions(folder: &Path) -> Result<BTreeMap<(String, String), Value>, Failure> {
    let mut schemas = BTreeMap::new();
    let files = std::fs::read_dir(folder).map_err(failed(folder.display().to_string()))?;
    for path in files.flatten().map(|file| file.path()) {
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(failed(path.display().to_string()))?;
        for document in serde_norway::Deserializer::from_str(&text) {
            let definition = Value::deserialize(document).map_err(failed(path.display().to_string()))?;
            for version in definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten() {
                let name = format!("{}/{}", at(&definition, "/spec/group"), at(version, "/name"));
                let mut schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default();
                close(&mut schema);
                schemas.insert((name, at(&definition, "/spec/names/kind").to_owned()), schema);
            }
        }
    }
    Ok(schemas)
}

/// Makes a schema reject unknown fields, which the server would drop silently.
fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    let open = object.contains_key("additionalProperties")
        || object.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    if object.contains_key("properties") && !open {
        object.insert("additionalProperties".into(), false.into());
    }
    // Go allows flags in the middle of a regular expression, and ECMA-262 does not.
    if object.get("pattern").and_then(Value::as_str).is_some_and(|pattern| pattern.contains("(?")) {
        object.remove("pattern");
    }
    let children = |map: &mut Map<String, Value>, key: &str| {
        map.get_mut(key).and_then(Value::as_object_mut).into_iter().flatten().for_each(|(_, child)| close(child));
    };
    children(object, "properties");
    for key in ["items", "additionalProperties"] {
        object.get_mut(key).into_iter().for_each(close);
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(failed(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_fields_are_rejected_unless_the_schema_allows_any() {
        let mut schema = json!({"properties": {
            "spec": {"properties": {"list": {"items": {"properties": {}}}}},
            "map": {"properties": {}, "additionalProperties": {"type": "string"}},
            "free": {"properties": {}, "x-kubernetes-preserve-unknown-fields": true},
            "metadata": {"type": "object"},
        }});
        close(&mut schema);
        let closed = |pointer: &str| schema.pointer(pointer) == Some(&json!(false));
        assert!(closed("/additionalProperties") && closed("/properties/spec/additionalProperties"));
        assert!(closed("/properties/spec/properties/list/items/additionalProperties"));
        assert!(!closed("/properties/map/additionalProperties") && !closed("/properties/free/additionalProperties"));
        assert_eq!(schema["properties"]["metadata"], json!({"type": "object"}));
    }

    #[test]
    fn kinds_outside_the_groups_of_kubernetes_are_custom() {
        let custom = |version: &str| is_custom(&json!({"apiVersion": version, "kind": "Thing"}));
        assert!(custom("core.spinkube.dev/v1alpha1") && custom("keda.sh/v1alpha1"));
        assert!(!custom("v1") && !custom("apps/v1") && !custom("networking.k8s.io/v1"));
    }
}
