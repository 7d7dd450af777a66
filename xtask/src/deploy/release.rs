//! The manifests that k8s/deploy.sh renders for a release.

use super::findings::folder;
use super::manifests::{at, documents, find};
use crate::failure::{Failure, failed};
use crate::project::root;
use crate::run::program;
use crate::tools::Tools;
use serde_json::Value;
use std::path::PathBuf;

/// The images: kind and name of the object, and where the image stands in it.
const IMAGES: [(&str, &str, &str); 4] = [
    ("SpinApp", "connectivity", "/spec/image"),
    ("SpinAppExecutor", "spintainer", "/spec/deploymentConfig/spinImage"),
    ("Deployment", "connectivity-bridge", "/spec/template/spec/containers/0/image"),
    ("Job", "connectivity-migration", "/spec/template/spec/containers/0/image"),
];

/// The digest of all images of the release that is rendered.
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Renders a release with the script, and returns what does not belong to that release.
pub(super) fn check(tools: &Tools, environment: &str) -> Result<Vec<String>, Failure> {
    let images = images()?;
    let script = root().join("k8s/deploy.sh").display().to_string();
    let mut command = program(&script, &[environment, "--render", "of-one-commit"]);
    let output = command.env("PATH", tools.path()).env("IMAGES", images).output().map_err(failed(script.clone()))?;
    if !output.status.success() {
        return Ok(vec![String::from_utf8_lossy(&output.stderr).into_owned()]);
    }
    Ok(differences(&documents(&String::from_utf8_lossy(&output.stdout), &script)?))
}

/// Writes the file with the images and their digests, as k8s/publish.sh prints them.
pub(super) fn images() -> Result<PathBuf, Failure> {
    let images = folder().join("images");
    let list = ["", "-spin", "-bridge"].map(|name| format!("registry.test/team/connectivity{name}@{DIGEST}\n"));
    std::fs::write(&images, list.concat()).map_err(failed(images.display().to_string()))?;
    Ok(images)
}

fn differences(objects: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, name, pointer) in IMAGES {
        let image = find(objects, kind, name).map_or("", |object| at(object, pointer));
        if !image.starts_with("registry.test/team/connectivity") || !image.ends_with(&format!("@{DIGEST}")) {
            found.push(format!("the image of {kind} {name} is {image}"));
        }
    }
    let named = find(objects, "SpinApp", "connectivity")
        .and_then(|application| application.pointer("/spec/podAnnotations")?.get("connectivity/release"));
    if named.is_none() {
        found.push("the pods have no annotation connectivity/release".to_owned());
    }
    // The objects are applied in this order, and a SpinApp needs its executor.
    let place = |kind: &str| objects.iter().position(|object| at(object, "/kind") == kind);
    if place("SpinAppExecutor") > place("SpinApp") {
        found.push("the SpinApp comes before its executor".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn images_of_another_release_are_reported() {
        let application = json!({"kind": "SpinApp", "metadata": {"name": "connectivity"},
            "spec": {"image": "registry.test/team/connectivity:main-latest"}});
        let executor = json!({"kind": "SpinAppExecutor", "metadata": {"name": "spintainer"},
            "spec": {"deploymentConfig": {"spinImage": format!("registry.test/team/connectivity-spin@{DIGEST}")}}});
        let found = differences(&[application, executor]);
        assert!(found[0].ends_with(":main-latest"), "{found:?}");
        // The others: the bridge and the migration are missing, so is the annotation, and the order
        // is wrong.
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
