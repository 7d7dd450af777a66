//! The values of the application's variables.

use crate::manifest::Variable;
use std::collections::BTreeMap;

/// What is wrong with the variables, all of it. Names only: a value may be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("variables: {}", .0.join("; "))]
pub(crate) struct VariableProblems(Vec<String>);

/// Decides each variable's value: `--variable`, else the environment, else the default.
pub(crate) fn decide(
    declared: &BTreeMap<String, Variable>,
    arguments: &[String],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, VariableProblems> {
    let mut problems = Vec::new();
    let mut given = BTreeMap::new();
    for argument in arguments {
        match argument.split_once('=') {
            Some((name, value)) if declared.contains_key(name) => {
                given.insert(name, value);
            }
            Some((name, _)) => problems.push(format!("--variable {name}: the manifest has no such variable")),
            None => problems.push("--variable must look like name=value".to_owned()),
        }
    }
    let mut values = BTreeMap::new();
    for (name, variable) in declared {
        let from_environment = || environment(&format!("SPIN_VARIABLE_{}", name.to_uppercase()));
        let value = given.get(name.as_str()).map(|value| (*value).to_owned()).or_else(from_environment);
        match value.or_else(|| variable.default.clone()) {
            Some(value) => {
                values.insert(name.clone(), value);
            }
            None => problems.push(format!(
                "{name} is required: set SPIN_VARIABLE_{} or give --variable {name}=…",
                name.to_uppercase()
            )),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(VariableProblems(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_value_wins_and_all_that_is_missing_is_told() {
        let variable = |default: Option<&str>| Variable {
            default: default.map(str::to_owned),
            required: default.is_none(),
            secret: false,
            description: None,
        };
        let declared = BTreeMap::from([
            ("a".to_owned(), variable(Some("default"))),
            ("b".to_owned(), variable(None)),
            ("c".to_owned(), variable(None)),
        ]);
        let environment =
            |name: &str| (name == "SPIN_VARIABLE_A" || name == "SPIN_VARIABLE_B").then(|| "environment".to_owned());
        let values = decide(&declared, &["a=argument".into(), "c=x=y".into()], environment).expect("values");
        assert_eq!(
            (values["a"].as_str(), values["b"].as_str(), values["c"].as_str()),
            ("argument", "environment", "x=y")
        );
        let problems = decide(&declared, &["d=secret".into()], |_| None).expect_err("problems").to_string();
        assert!(
            problems.contains("SPIN_VARIABLE_B")
                && problems.contains("SPIN_VARIABLE_C")
                && problems.contains("--variable d")
        );
        assert!(!problems.contains("secret"));
    }
}
