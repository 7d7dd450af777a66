//! The values of the application variables.

use crate::manifest::Variable;
use std::collections::BTreeMap;

/// All problems with the variables. They contain names but no values, which may be secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("variables: {}", .0.join("; "))]
pub(crate) struct VariableProblems(Vec<String>);

/// Returns the value of each variable: from `--variable`, else from the environment, else the
/// default.
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
            Some((name, _)) => problems.push(format!("--variable {name}: the manifest does not declare this variable")),
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
                "{name} is required: set SPIN_VARIABLE_{} or pass --variable {name}=…",
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
    fn arguments_win_over_the_environment_and_all_missing_variables_are_reported() {
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
