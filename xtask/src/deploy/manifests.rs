//! Manifests as kustomize renders them.

use crate::project::root;
use crate::run::{Failure, failed, program};
use serde::Deserialize;
use serde_json::Value;

/// The objects of an environment.
pub(super) fn render(kubectl: &str, overlay: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("k8s/overlays/{overlay}");
    let output = program(kubectl, &["kustomize", &path]).output().map_err(failed(kubectl))?;
    if !output.status.success() {
        return Err(Failure(format!("{path}: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    documents(&String::from_utf8_lossy(&output.stdout), &path)
}

/// The documents of a file of the project.
pub(super) fn read(path: &str) -> Result<Vec<Value>, Failure> {
    documents(&text(path)?, path)
}

/// A file of the project.
pub(super) fn text(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(root().join(path)).map_err(failed(path))
}

/// The documents of a text, which is called so where it cannot be read.
pub(super) fn documents(text: &str, name: &str) -> Result<Vec<Value>, Failure> {
    serde_norway::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(failed(name)))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

/// The text at a JSON pointer (RFC 6901), empty where there is none.
pub(super) fn at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The object of this kind whose name is this, or this and the digest that kustomize adds.
pub(super) fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects.iter().find(|object| {
        let found = at(object, "/metadata/name");
        let digest = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        at(object, "/kind") == kind
            && (found == name || kind == "ConfigMap" && digest.is_some_and(|digest| !digest.contains('-')))
    })
}

/// An object's kind and name, for people.
pub(super) fn called(object: &Value) -> String {
    format!("{} {}", at(object, "/kind"), at(object, "/metadata/name"))
}
