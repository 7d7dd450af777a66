//! What each component of spin.toml may reach is exactly what is written here: more fails, and less too.

use connectivity_tests::servers::root;
use toml::{Table, Value};

/// What a component may have.
struct Privileges {
    hosts: &'static [&'static str],
    databases: &'static [&'static str],
    stores: &'static [&'static str],
    files: usize,
    /// Dependencies, and what they inherit of it.
    dependencies: &'static [(&'static str, &'static [&'static str])],
}

const NOTHING: Privileges = Privileges { hosts: &[], databases: &[], stores: &[], files: 0, dependencies: &[] };

fn expected(component: &str) -> Privileges {
    match component {
        "affiliation" => Privileges {
            hosts: &["{{ registry_url }}", "{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            dependencies: &[(
                "connectivity:registry/citizens@0.1.0",
                &["allowed_outbound_hosts", "sqlite_databases", "variables"],
            )],
            ..NOTHING
        },
        "documents" => Privileges {
            hosts: &["{{ registry_url }}", "{{ mysql_address }}", "{{ redis_address }}", "{{ jwt_jwks_origin }}"],
            databases: &["default"],
            dependencies: &[(
                "connectivity:registry/documents@0.1.0",
                &["allowed_outbound_hosts", "sqlite_databases", "variables"],
            )],
            ..NOTHING
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
        // Runs inside the components that import it: of its own it has nothing.
        "govcarpeta" => NOTHING,
        other => panic!("{other}: say here what it may reach"),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn no_component_may_reach_more_than_it_needs() {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml");
    let manifest: Table = text.parse().expect("TOML");
    let components = manifest["component"].as_table().expect("components");
    assert_eq!(components.keys().collect::<Vec<_>>(), ["affiliation", "auth", "documents", "govcarpeta", "ops"]);
    for (name, component) in components {
        let privileges = expected(name);
        assert_eq!(texts(component.get("allowed_outbound_hosts")), privileges.hosts, "{name}");
        assert_eq!(texts(component.get("sqlite_databases")), privileges.databases, "{name}");
        assert_eq!(texts(component.get("key_value_stores")), privileges.stores, "{name}");
        assert_eq!(component.get("files").and_then(Value::as_array).map_or(0, Vec::len), privileges.files, "{name}");
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
fn secrets_are_marked_and_have_no_value() {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml");
    let manifest: Table = text.parse().expect("TOML");
    for (name, variable) in manifest["variables"].as_table().expect("variables") {
        let secret =
            ["secret", "password", "api_key", "signing_key", "service_accounts"].iter().any(|word| name.contains(word));
        assert_eq!(variable.get("secret").and_then(Value::as_bool).unwrap_or(false), secret, "{name}");
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        assert!(!secret || default.is_empty(), "{name} has a default");
    }
}
