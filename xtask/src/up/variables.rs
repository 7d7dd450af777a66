//! Variables that somebody has set and the application does not read.

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::project::root;
use std::io::Write;

/// What the environment variables of application variables begin with.
const PREFIX: &str = "SPIN_VARIABLE_";

/// Warns about variables, in the environment and in the file `.env`, that have no effect.
pub(super) fn warn() -> Result<(), Failure> {
    let manifest = Manifest::read()?;
    let is_declared = |name: &str| manifest.variables.contains_key(name);
    let environment = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let file = std::fs::read_to_string(root().join(".env")).unwrap_or_default();
    for name in environment.chain(file.lines().filter_map(name_in_file)) {
        if let Some(reason) = ignored(&name, is_declared) {
            let _ = writeln!(std::io::stderr(), "xtask: {name} has no effect: {reason}");
        }
    }
    Ok(())
}

/// Returns the name in a line of `.env`.
fn name_in_file(line: &str) -> Option<String> {
    let line = line.trim_start();
    let (name, _) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    Some(name.trim().to_owned())
}

/// Returns why a variable has no effect on the application.
fn ignored(name: &str, is_declared: impl Fn(&str) -> bool) -> Option<String> {
    let head = name.get(..PREFIX.len()).filter(|head| head.eq_ignore_ascii_case(PREFIX))?;
    let variable = name[head.len()..].to_lowercase();
    let right = format!("{PREFIX}{}", variable.to_uppercase());
    if !is_declared(&variable) {
        Some(format!("spin.toml declares no variable {variable}"))
    } else if name == right {
        None
    } else {
        Some(format!("write it in upper case, {right}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_without_effect_has_a_reason() {
        let reason = |name| ignored(name, |name| name == "jwt_secret");
        for name in ["SPIN_VARIABLE_JWT_SECRET", "PATH", "SPIN_VARIABLE", "SPIN", "é"] {
            assert_eq!(reason(name), None, "{name}");
        }
        for name in ["spin_variable_jwt_secret", "SPIN_VARIABLE_jwt_secret", "Spin_Variable_JWT_SECRET"] {
            assert_eq!(reason(name).as_deref(), Some("write it in upper case, SPIN_VARIABLE_JWT_SECRET"), "{name}");
        }
        for name in ["SPIN_VARIABLE_JWTSECRET", "SPIN_VARIABLE_", "spin_variable_jwtsecret"] {
            let reason = reason(name).unwrap_or_else(|| panic!("{name}"));
            assert!(reason.starts_with("spin.toml declares no variable"), "{reason}");
        }
    }

    #[test]
    fn names_are_read_from_a_file() {
        let names = |text: &str| text.lines().filter_map(name_in_file).collect::<Vec<_>>();
        assert_eq!(names("A=1\n\nno\n export B = 'x=y'\nC"), ["A", "B"]);
    }
}
