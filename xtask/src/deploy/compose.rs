//! The services of docker-compose.yml.

use super::manifests::{at, read};
use crate::failure::Failure;
use serde_json::Value;

/// Returns the problems of docker-compose.yml.
pub(super) fn problems() -> Result<Vec<String>, Failure> {
    let files = read("docker-compose.yml")?;
    Ok(files.first().map_or_else(|| vec!["docker-compose.yml is empty".into()], differences))
}

fn differences(file: &Value) -> Vec<String> {
    let services = file.pointer("/services").and_then(Value::as_object).into_iter().flatten();
    let mut found = Vec::new();
    for (name, service) in services {
        let mut must = |what: &str, holds: bool| {
            if !holds {
                found.push(format!("docker-compose.yml: {name} needs {what}"));
            }
        };
        // A migration that has ended must not start again.
        let restart = if name == "migration" { "no" } else { "unless-stopped" };
        must(&format!("restart: {restart}"), at(service, "/restart") == restart);
        must("mem_limit and cpus", service.get("mem_limit").is_some() && service.get("cpus").is_some());
        must("a health check", name == "migration" || service.pointer("/healthcheck/test").is_some());
    }
    let service = at(file, "/services/application/environment/SPIN_VARIABLE_MYSQL_USER");
    let migration = at(file, "/services/migration/environment/DATABASE_URL");
    let migration = migration.strip_prefix("mysql://").and_then(|rest| rest.split(':').next()).unwrap_or_default();
    if service.is_empty() || migration.is_empty() || service == migration {
        found.push("docker-compose.yml: the components and the migration need accounts of their own".into());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn services_without_restart_limits_or_health_check_are_reported() {
        let file = read("docker-compose.yml").expect("a file that can be read").remove(0);
        assert_eq!(differences(&file), [""; 0]);
        for (pointer, wrong) in [
            ("/services/bridge/restart", json!("no")),
            ("/services/migration/restart", json!("always")),
            ("/services/mariadb/mem_limit", Value::Null),
            ("/services/application/healthcheck", json!({})),
            ("/services/bridge/healthcheck", json!({})),
            ("/services/application/environment/SPIN_VARIABLE_MYSQL_USER", json!("migration")),
        ] {
            let mut changed = file.clone();
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            let parent = changed.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
            let before = if wrong.is_null() { parent.remove(key) } else { parent.insert(key.to_owned(), wrong) };
            assert!(before.is_some(), "{pointer}");
            assert_eq!(differences(&changed).len(), 1, "{pointer}");
        }
    }
}
