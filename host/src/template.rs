//! Templates in the manifest: `{{ variable }}`.

use std::collections::BTreeMap;

/// A template that cannot be resolved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// `{{` without `}}`.
    #[error("the template {0:?} has an opening {{{{ without its }}}}")]
    Unclosed(String),
    /// A name that no variable has.
    #[error("the template {template:?} names {name:?}, which [variables] does not")]
    Unknown { template: String, name: String },
}

/// Replaces each `{{ name }}` by the variable's value.
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
    fn names_are_replaced_and_nothing_else() {
        let variables = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
        let resolved = |template: &str| resolve(template, &variables);
        assert_eq!(resolved("x{{ a }}y{{a}}").as_deref(), Ok("x1y1"));
        assert_eq!(resolved("{{ b }}").as_deref(), Ok(""));
        assert_eq!(resolved("plain }} text").as_deref(), Ok("plain }} text"));
        assert!(matches!(resolved("{{ a"), Err(TemplateError::Unclosed(_))));
        assert!(matches!(resolved("{{ c }}"), Err(TemplateError::Unknown { .. })));
    }
}
