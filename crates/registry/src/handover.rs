//! Which settings a plugin may be given.
//!
//! A plugin declares the names of its settings. A hostile one could declare `jwt_secret`: the rule
//! here keeps the component's own secrets from it.

use connectivity_runtime::settings::Problem;

/// The prefix of the settings that belong to the registry plugin.
const PREFIX: &str = "registry_";

/// A setting of the whole application that a plugin may read too.
const SHARED: &str = "log_level";

/// The most settings that a plugin may declare.
const MAX_SETTINGS: usize = 64;

/// Checks the names that a plugin declares. Returns one problem for each name that it may not have.
///
/// ```
/// use connectivity_registry::handover::refused;
///
/// assert!(refused(&["registry_url".into(), "log_level".into()]).is_empty());
/// assert_eq!(refused(&["jwt_secret".into()])[0].name, "jwt_secret");
/// ```
pub fn refused(names: &[String]) -> Vec<Problem> {
    let problem = |name: &str, problem: &str| Problem { name: name.to_owned(), problem: problem.to_owned() };
    if names.len() > MAX_SETTINGS {
        return vec![problem("the registry plugin", &format!("declares more than {MAX_SETTINGS} settings"))];
    }
    let allowed = |name: &str| name == SHARED || name.strip_prefix(PREFIX).is_some_and(|rest| !rest.is_empty());
    let refused = names.iter().filter(|name| !allowed(name));
    refused.map(|name| problem(name, "is not a setting of a registry plugin: those begin with registry_")).collect()
}

/// Checks the name that a plugin gives itself: 1 to 64 of a-z, 0-9 and `-`.
pub fn is_plugin_name(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_of_the_plugin_are_handed_over() {
        for name in ["registry_url", "registry_api_key", "log_level"] {
            assert!(refused(&[name.to_owned()]).is_empty(), "{name}");
        }
        for name in ["jwt_secret", "mysql_password", "REGISTRY_URL", "registry_", "registry", "", " registry_url"] {
            let problems = refused(&["registry_url".to_owned(), name.to_owned()]);
            assert_eq!(problems.iter().map(|problem| problem.name.as_str()).collect::<Vec<_>>(), [name]);
        }
        assert_eq!(refused(&vec!["registry_url".to_owned(); MAX_SETTINGS + 1]).len(), 1);
    }

    #[test]
    fn plugin_names_are_checked() {
        for (name, expected) in [
            ("govcarpeta", true),
            ("country-2", true),
            (&"a".repeat(64), true),
            (&"a".repeat(65), false),
            ("", false),
            ("GovCarpeta", false),
            ("a:b", false),
            ("a b", false),
        ] {
            assert_eq!(is_plugin_name(name), expected, "{name}");
        }
    }
}
