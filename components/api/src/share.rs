//! Moves what many responses have in common into the components of the document: two hundred
//! responses share a few headers and problems.

use connectivity_edge::openapi::{PROBLEM_JSON, PROBLEM_TYPES};
use serde_json::{Map, Value, json};

/// Moves headers, and responses with problems, to the components of the document.
pub(crate) fn share(document: &mut Value) {
    let (mut headers, mut problems) = (Map::new(), Map::new());
    for (status, answer) in answers(document) {
        for (name, header) in answer["headers"].as_object_mut().into_iter().flatten() {
            move_into(&mut headers, "headers", name, header);
        }
        if let Some(name) = name(status, answer) {
            move_into(&mut problems, "responses", &name, answer);
        }
    }
    document["components"]["headers"] = Value::Object(headers);
    document["components"]["responses"] = Value::Object(problems);
}

/// Returns all responses of all operations, with their statuses.
fn answers(document: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.flat_map(|path| path.as_object_mut().into_iter().flat_map(Map::values_mut));
    operations.flat_map(|operation| operation["responses"].as_object_mut().into_iter().flatten())
}

/// Returns the name of a response that contains only problems: its status and the slugs of the
/// problems.
fn name(status: &str, answer: &Value) -> Option<String> {
    let content = answer["content"].as_object().filter(|content| content.len() == 1)?;
    content.get(PROBLEM_JSON)?;
    let types = answer[PROBLEM_TYPES].as_array()?;
    let slugs = types.iter().filter_map(|urn| urn.as_str()?.rsplit(':').next());
    let suffix = if answer["headers"]["RateLimit"].is_object() { "" } else { ".uncounted" };
    Some(format!("{status}.{}{suffix}", slugs.collect::<Vec<_>>().join(".")))
}

/// Replaces a value by a reference to the equal value among the shared ones.
fn move_into(shared: &mut Map<String, Value>, kind: &str, name: &str, value: &mut Value) {
    let known = shared.entry(name).or_insert_with(|| value.clone());
    if known == value {
        *value = json!({"$ref": format!("#/components/{kind}/{name}")});
    }
}
