//! The committed document matches the code, and contains all routes.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The style and the script of the page at `/api/docs/`.
const PARTS_OF_A_PAGE: [&str; 2] = ["/api/docs/page.css", "/api/docs/page.js"];

/// The routes for the bridge.
const OF_THE_BRIDGE: &str = "/internal/v1/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_document_is_up_to_date() {
    let committed = std::fs::read_to_string(root().join(connectivity_api::PATH)).expect("the document");
    let path = connectivity_api::PATH;
    assert!(committed == connectivity_api::text(), "{path} is out of date: run `cargo xtask schema`");
}

/// Returns the contents of all files in a folder and below it.
fn sources(folder: &Path) -> Vec<String> {
    let paths = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("text");
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![read(path)] }).collect()
}

/// Returns the paths and methods of the components' routers, as written in `.route("/path",
/// get(…).post(…))`, without those of the jobs.
fn served() -> BTreeSet<(String, String)> {
    let mut served = BTreeSet::new();
    let components = std::fs::read_dir(root().join("components")).expect("a folder");
    let folders = components.map(|entry| entry.expect("an entry").path().join("src"));
    // This crate has no routes.
    for folder in folders.filter(|folder| folder.is_dir() && !folder.ends_with("api/src")) {
        for source in sources(&folder) {
            for call in source.split(".route(").skip(1) {
                let Some((path, rest)) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'))
                else {
                    continue;
                };
                // Up to the next route, or the end of the router.
                let methods =
                    rest.split(".with_state(").next().unwrap_or_default().split(['}', ';']).next().unwrap_or_default();
                for method in ["get", "post", "put", "patch", "delete"] {
                    if methods.contains(&format!("{method}(")) {
                        served.insert((path.to_owned(), method.to_owned()));
                    }
                }
            }
        }
    }
    served
}

fn documented() -> BTreeSet<(String, String)> {
    let document = connectivity_api::document();
    let paths = document["paths"].as_object().expect("paths");
    let methods = |operations: &Value| operations.as_object().expect("operations").keys().cloned().collect::<Vec<_>>();
    let without_slash = |path: &str| path.trim_end_matches('/').to_owned();
    paths
        .iter()
        .flat_map(|(path, operations)| methods(operations).into_iter().map(move |method| (without_slash(path), method)))
        .collect()
}

#[test]
fn exactly_the_routes_for_callers_are_documented() {
    let mut served = served();
    let documents = documents::paths();
    let of_jobs = [
        (documents.submit, "post"),
        (documents.history, "get"),
        (documents.find, "get"),
        (documents.citizen.clone(), "get"),
        (documents.citizen, "delete"),
    ];
    served.extend(of_jobs.map(|(path, method)| (path, method.to_owned())));
    served.retain(|(path, _)| !path.starts_with(OF_THE_BRIDGE) && !PARTS_OF_A_PAGE.contains(&path.as_str()));
    assert!(served.len() > 20, "{served:?}");
    assert_eq!(served, documented());
}

/// Visits every value in a document, with its key.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value)) {
    let children: Vec<(&str, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, child)| (key.as_str(), child)).collect(),
        Value::Array(array) => array.iter().map(|child| ("", child)).collect(),
        _ => return,
    };
    for (key, child) in children {
        visit(key, child);
        walk(child, visit);
    }
}

#[test]
fn all_references_resolve_and_all_components_are_used() {
    let document = connectivity_api::document();
    let mut referred = BTreeSet::new();
    walk(&document, &mut |key, value| {
        if key == "$ref" {
            referred.insert(value.as_str().expect("a text").to_owned());
        }
    });
    let names = |kind: &str| {
        let components = document["components"][kind].as_object().cloned().unwrap_or_default();
        components.keys().map(|name| format!("#/components/{kind}/{name}")).collect::<BTreeSet<_>>()
    };
    assert_eq!(referred, ["schemas", "headers", "responses"].into_iter().flat_map(names).collect());
}

#[test]
fn every_operation_has_a_summary_a_tag_an_id_and_responses() {
    let document = connectivity_api::document();
    let tags: BTreeSet<_> =
        document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).map(Value::as_str).collect();
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let what = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| summary.len() > 5), "{what}");
            assert!(
                operation["tags"].as_array().is_some_and(|of| of.len() == 1 && tags.contains(&of[0].as_str())),
                "{what}"
            );
            assert!(
                ids.insert(operation["operationId"].as_str().expect("an id").to_owned()),
                "{what}: another operation has the same id"
            );
            let answers = operation["responses"].as_object().map(Map::len);
            assert!(answers.is_some_and(|answers| answers > 0), "{what}");
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                let referred = answer["$ref"].as_str().and_then(|path| document.pointer(&path[1..]));
                let answer = referred.unwrap_or(answer);
                assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {status}");
                assert!(answer["headers"]["X-Request-Id"].is_object(), "{what}: {status}");
            }
        }
    }
}
