//! The permissions of each component in spin.toml must equal the ones listed here.

use connectivity_tests::manifest::manifest;
use std::collections::BTreeSet;
use toml::Value;

/// The permissions of a component.
struct Privileges {
    hosts: &'static [&'static str],
    databases: &'static [&'static str],
    /// Its dependencies, and the parts of its configuration that each inherits.
    dependencies: &'static [(&'static str, &'static [&'static str])],
}

const NOTHING: Privileges = Privileges { hosts: &[], databases: &[], dependencies: &[] };

fn expected(component: &str) -> Privileges {
    match component {
        "affiliation" => Privileges {
            hosts: &["{{ registry_url }}", "{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            dependencies: &[("connectivity:registry/citizens@0.2.0", &["allowed_outbound_hosts"])],
        },
        "documents" => Privileges {
            hosts: &["{{ registry_url }}", "{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            dependencies: &[("connectivity:registry/documents@0.2.0", &["allowed_outbound_hosts"])],
        },
        "auth" => Privileges {
            hosts: &["{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            ..NOTHING
        },
        "ops" => Privileges {
            hosts: &[
                "{{ mysql_address }}",
                "{{ redis_address }}",
                "http://affiliation.spin.internal",
                "http://auth.spin.internal",
                "http://documents.spin.internal",
            ],
            databases: &["default"],
            ..NOTHING
        },
        // A plugin runs inside the components that import it and has no permissions of its own.
        "govcarpeta" => NOTHING,
        other => panic!("{other}: list its permissions here"),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn each_component_has_exactly_the_listed_permissions() {
    for (name, component) in manifest()["component"].as_table().expect("components") {
        let privileges = expected(name);
        assert_eq!(texts(component.get("allowed_outbound_hosts")), privileges.hosts, "{name}");
        assert_eq!(texts(component.get("sqlite_databases")), privileges.databases, "{name}");
        for unused in ["key_value_stores", "files", "ai_models"] {
            assert!(component.get(unused).is_none(), "{name} has {unused}");
        }
        let dependencies = component.get("dependencies").and_then(Value::as_table).cloned().unwrap_or_default();
        let inherited: Vec<(&str, Vec<&str>)> = dependencies
            .iter()
            .map(|(interface, dependency)| (interface.as_str(), texts(dependency.get("inherit_configuration"))))
            .collect();
        let expected = privileges.dependencies.iter().map(|(interface, inherits)| (*interface, inherits.to_vec()));
        assert_eq!(inherited, expected.collect::<Vec<_>>(), "{name}");
        for host in texts(component.get("allowed_outbound_hosts")) {
            assert!(!host.contains('*'), "{name}: {host}");
        }
    }
}

#[test]
fn secret_variables_are_marked_and_have_no_default() {
    for (name, variable) in manifest()["variables"].as_table().expect("variables") {
        let secret =
            ["secret", "password", "api_key", "signing_key", "service_accounts"].iter().any(|word| name.contains(word));
        assert_eq!(variable.get("secret").and_then(Value::as_bool).unwrap_or(false), secret, "{name}");
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        assert!(!secret || default.is_empty(), "{name} has a default");
    }
}

#[test]
fn operations_show_the_circuit_breaker_of_each_plugin() {
    let manifest = manifest();
    let components = manifest["component"].as_table().expect("components");
    let dependencies = components.values().filter_map(|component| component.get("dependencies")?.as_table());
    let plugins = dependencies.flat_map(|table| table.values().filter_map(|it| it["component"].as_str()));
    let shown = components["ops"]["variables"]["registry_plugins"].as_str().expect("a text");
    assert_eq!(plugins.collect::<BTreeSet<_>>(), shown.split_whitespace().collect());
}
