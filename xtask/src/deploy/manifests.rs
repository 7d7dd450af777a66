//! Reading Kubernetes manifests.

use crate::failure::{Failure, failed};
use crate::project::text;
use crate::run::program;
use serde::Deserialize;
use serde_json::Value;

/// Returns the objects of an environment, as kustomize renders them.
pub(crate) fn render(kubectl: &str, overlay: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("k8s/overlays/{overlay}");
    let output = program(kubectl, &["kustomize", &path]).output().map_err(failed(kubectl))?;
    if !output.status.success() {
        return Err(Failure(format!("{path}: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    documents(&String::from_utf8_lossy(&output.stdout), &path)
}

/// Returns the YAML documents of a file of the checkout.
pub(crate) fn read(path: &str) -> Result<Vec<Value>, Failure> {
    documents(&text(path)?, path)
}

/// Returns the YAML documents of a text. `name` is used in errors.
pub(crate) fn documents(text: &str, name: &str) -> Result<Vec<Value>, Failure> {
    serde_norway::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(failed(name)))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

/// Returns the text at a JSON pointer (RFC 6901), or an empty text.
pub(crate) fn at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the object of this kind and name. The name of a config map may have the hash that
/// kustomize adds.
pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects.iter().find(|object| {
        let found = at(object, "/metadata/name");
        let digest = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        at(object, "/kind") == kind
            && (found == name || kind == "ConfigMap" && digest.is_some_and(|digest| !digest.contains('-')))
    })
}

/// Returns an object's kind and name, for messages.
pub(crate) fn called(object: &Value) -> String {
    format!("{} {}", at(object, "/kind"), at(object, "/metadata/name"))
}
