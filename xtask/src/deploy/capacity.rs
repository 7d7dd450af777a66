//! Whether the largest number of pods fits the database, and how the bridge is scaled.

use super::manifests::{at, find};
use serde_json::Value;

/// Connections that are left for the migration and for administrators.
const RESERVED: u64 = 10;

/// Returns the problems of the numbers of pods.
pub(super) fn problems(objects: &[Value]) -> Vec<String> {
    connections(objects).into_iter().chain(scaler(objects)).collect()
}

fn connections(objects: &[Value]) -> Option<String> {
    let application = find(objects, "SpinApp", "connectivity")?;
    let stated = |name: &str| {
        let annotation = application.pointer("/metadata/annotations")?.get(format!("connectivity/{name}"))?;
        annotation.as_str()?.parse::<u64>().ok()
    };
    let scaler = find(objects, "HorizontalPodAutoscaler", "connectivity");
    let pods = scaler.map_or(application.pointer("/spec/replicas"), |scaler| scaler.pointer("/spec/maxReplicas"));
    let (Some(pods), Some(each), Some(limit)) =
        (pods.and_then(Value::as_u64), stated("database-connections-per-pod"), stated("database-max-connections"))
    else {
        return Some("the SpinApp must state its pods, their database connections, and the database's limit".into());
    };
    // A rollout adds a quarter of the pods (maxSurge of the operator's Deployment).
    let needed = (pods + pods.div_ceil(4)) * each + RESERVED;
    (needed > limit).then(|| {
        format!(
            "{pods} pods need {needed} database connections during a rollout, but the database accepts {limit}: \
             lower maxReplicas, or raise max_connections and the annotation of the SpinApp"
        )
    })
}

fn scaler(objects: &[Value]) -> Vec<String> {
    let Some(scaler) = find(objects, "ScaledObject", "connectivity-bridge") else { return Vec::new() };
    let mut found = Vec::new();
    if at(scaler, "/spec/scaleTargetRef/name") != "connectivity-bridge" {
        found.push("the ScaledObject must scale the Deployment connectivity-bridge".into());
    }
    let trigger = scaler.pointer("/spec/triggers/0/metadata").unwrap_or(&Value::Null);
    if at(trigger, "/protocol") != "http" || at(trigger, "/excludeUnacknowledged") == "true" {
        found.push(
            "the ScaledObject must count unacknowledged messages: protocol http, and excludeUnacknowledged not true"
                .into(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_that_open_too_many_connections_are_reported() {
        let with = |limit: &str, maximum: u64| {
            let application = json!({"kind": "SpinApp", "metadata": {"name": "connectivity", "annotations": {
                "connectivity/database-connections-per-pod": "40", "connectivity/database-max-connections": limit,
            }}, "spec": {"replicas": 2}});
            let scaler = json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "connectivity"},
                                "spec": {"maxReplicas": maximum}});
            (problems(std::slice::from_ref(&application)).len(), problems(&[application, scaler]).len())
        };
        assert_eq!(with("151", 2), (0, 0));
        assert_eq!(with("151", 3), (0, 1));
        assert_eq!(with("129", 2), (1, 1));
        assert_eq!(with("many", 2), (1, 1));
    }
}
