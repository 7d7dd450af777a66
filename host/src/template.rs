//! Templates in the manifest, such as `{{ variable }}`.

use std::collections::BTreeMap;

/// A template that cannot be resolved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// A `{{` has no `}}`.
    #[error("the template {0:?} has {{{{ without a closing }}}}")]
    Unclosed(String),
    /// The name is not declared.
    #[error("the template {template:?} names the variable {name:?}, which [variables] does not declare")]
    Unknown { template: String, name: String },
}

/// Replaces each `{{ name }}` with the value of the variable.
pub(crate) fn resolve(template: &str, variables: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let mut resolved = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        resolved.push_str(before);
        let (name, after) = after.split_once("}}").ok_or_else(|| TemplateError::Unclosed(template.to_owned()))?;
        let name = name.trim();
        let unknown = || TemplateError::Unknown { template: template.to_owned(), name: name.to_owned() };
        resolved.push_str(variables.get(name).ok_or_else(unknown)?);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_replaced_with_its_value() {
        let variables = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
        let resolved = |template: &str| resolve(template, &variables);
        assert_eq!(resolved("x{{ a }}y{{a}}").as_deref(), Ok("x1y1"));
        assert_eq!(resolved("{{ b }}").as_deref(), Ok(""));
        assert_eq!(resolved("plain }} text").as_deref(), Ok("plain }} text"));
        assert!(matches!(resolved("{{ a"), Err(TemplateError::Unclosed(_))));
        assert!(matches!(resolved("{{ c }}"), Err(TemplateError::Unknown { .. })));
    }
}
