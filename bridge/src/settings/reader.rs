//! Reads settings and collects everything that is wrong with them.

use super::kind::Kind;
use super::setting::Setting;

/// The source of the variables: the environment, or a table in tests.
pub(crate) trait Source {
    /// Returns the value of a variable if it is set and not empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
pub(crate) struct Environment;

impl Source for Environment {
    /// A value that is not UTF-8 is no valid value of any kind.
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("settings: {}", .0.join("; "))]
pub(crate) struct Invalid(Vec<String>);

impl Invalid {
    pub(super) fn new(problem: String) -> Self {
        Self(vec![problem])
    }
}

/// Reads settings from a source.
pub(super) struct Reader<'a> {
    source: &'a dyn Source,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a dyn Source) -> Self {
        Self { source, problems: Vec::new() }
    }

    /// Returns whether the variable is set and not empty.
    pub(super) fn is_set<K>(&self, setting: &Setting<K>) -> bool {
        self.source.get(setting.name).is_some()
    }

    /// Reads a setting or its default. Reports a value of the wrong kind; a missing one is `None`.
    pub(super) fn optional<K: Kind>(&mut self, setting: &Setting<K>) -> Option<K::Value> {
        let text = self.source.get(setting.name).or_else(|| setting.default.map(str::to_owned))?;
        let value = setting.kind.parse(&text);
        if value.is_none() {
            self.report(format!("{} must be {}", setting.name, setting.kind));
        }
        value
    }

    /// Reads a setting or its default. Reports a value of the wrong kind, and a missing one.
    pub(super) fn required<K: Kind>(&mut self, setting: &Setting<K>) -> Option<K::Value> {
        if setting.default.is_none() && !self.is_set(setting) {
            self.report(format!("{} must be set", setting.name));
            return None;
        }
        self.optional(setting)
    }

    pub(super) fn report(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Returns the settings, or everything that was reported.
    pub(super) fn finish<T>(self, settings: Option<T>) -> Result<T, Invalid> {
        settings.filter(|_| self.problems.is_empty()).ok_or(Invalid(self.problems))
    }
}
