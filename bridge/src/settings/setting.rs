//! One row of the settings table, and the help text made of rows.

use super::kind::Kind;
use std::fmt::Write;

/// A setting.
pub(crate) struct Setting<K> {
    /// The environment variable.
    pub(crate) name: &'static str,
    /// The value that is used where the variable is unset or empty.
    pub(crate) default: Option<&'static str>,
    pub(crate) kind: K,
    /// Sentences for `--help`.
    pub(crate) help: &'static str,
}

/// A row of the settings table whatever the kind of its value.
pub(crate) trait Row: Sync {
    /// The entry in `--help`.
    fn describe(&self) -> String;

    /// The environment variable.
    #[cfg(test)]
    fn name(&self) -> &'static str;
}

impl<K: Kind + Sync> Row for Setting<K> {
    fn describe(&self) -> String {
        let default = self.default.map(|value| format!(" (default: {value})")).unwrap_or_default();
        let kind = self.kind.to_string();
        let value = if kind.is_empty() { kind } else { format!("      Value: {kind}.\n") };
        format!("  {}{default}\n      {}\n{value}", self.name, self.help)
    }

    #[cfg(test)]
    fn name(&self) -> &'static str {
        self.name
    }
}

/// The part of a command's `--help` that lists the settings it reads.
pub(crate) fn help(groups: &[&[&dyn Row]]) -> String {
    let mut text = "Settings (environment variables):\n".to_owned();
    for row in groups.iter().copied().flatten() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}", row.describe());
    }
    text
}
