//! The settings reader: reads variables once per instance and reports all problems together.
//!
//! Problems name the variable and the expected form, never the value, which may be a secret.

use crate::log::Level;
use spin_sdk::variables;
use std::collections::BTreeMap;
use std::fmt;

/// Values that people and scripts put into settings by mistake. Tests try all of them.
pub const ODD: [&str; 25] = [
    "",
    " ",
    "\0",
    "\n",
    "-1",
    "0",
    "00",
    "0/second",
    "1/0",
    "99999999999999999999",
    "1e9",
    "NaN",
    "é",
    "\u{202e}",
    "%",
    "%zz%ff",
    "://",
    "https://",
    "mysql://me:hunter2@[::1/",
    "redis://me:hun#ter/2@host:99999/%zz",
    ",,",
    "::/0",
    "{}",
    "[[[[",
    "[{\"name\": null}]",
];

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the setting.
    pub name: String,
    /// The end of a sentence that begins with the name.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.problem)
    }
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentences: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        formatter.write_str(&sentences.join("; "))
    }
}

/// The values of the variables, and the problems found in them so far.
#[derive(Debug, Default)]
pub struct Reader {
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Reads the named variables from the host.
    pub async fn from_host(names: &[impl AsRef<str>]) -> Self {
        let mut reader = Self::default();
        for name in names.iter().map(AsRef::as_ref) {
            match variables::get(name).await {
                Ok(value) => {
                    reader.values.insert(name.to_owned(), value);
                }
                Err(_) => reader.problem(name, "cannot be read: is it in spin.toml?"),
            }
        }
        reader
    }

    /// Creates a reader of these values. Variables that are not named are empty.
    ///
    /// ```
    /// use connectivity_runtime::settings::Reader;
    ///
    /// let mut reader = Reader::from_values(&[("attempts", "three")]);
    /// let attempts = reader.number("attempts", 1..=10);
    /// let invalid = reader.finish(attempts).unwrap_err();
    /// assert_eq!(invalid.to_string(), "attempts must be a whole number from 1 to 10");
    /// ```
    pub fn from_values(values: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        let owned = |text: &str| text.to_owned();
        let values = values.iter().map(|(name, value)| (owned(name.as_ref()), owned(value.as_ref()))).collect();
        Self { values, problems: Vec::new() }
    }

    /// Returns the value without surrounding white space; the empty string if it is not set.
    pub fn text(&self, name: &str) -> String {
        self.values.get(name).map(|value| value.trim().to_owned()).unwrap_or_default()
    }

    /// Returns the value exactly as it was set; the empty string if it is not set.
    pub fn secret(&self, name: &str) -> String {
        self.values.get(name).cloned().unwrap_or_default()
    }

    /// Reads a whole number. Anything else, and a number out of `bounds`, is noted as a problem,
    /// and the lower bound is returned.
    pub fn number(&mut self, name: &str, bounds: std::ops::RangeInclusive<u64>) -> u64 {
        match self.text(name).parse::<u64>() {
            Ok(number) if bounds.contains(&number) => number,
            _ => {
                self.problem(name, &format!("must be a whole number from {} to {}", bounds.start(), bounds.end()));
                *bounds.start()
            }
        }
    }

    /// Notes a problem with a variable. `what` completes the sentence that begins with its name.
    pub fn problem(&mut self, name: &str, what: &str) {
        self.problems.push(Problem { name: name.to_owned(), problem: what.to_owned() });
    }

    /// Returns the problems found so far, for settings that cannot even be put together.
    pub fn into_problems(self) -> Invalid {
        Invalid(self.problems)
    }

    /// Returns the settings if no problem was found.
    pub fn finish<T>(self, settings: T) -> Result<T, Invalid> {
        if self.problems.is_empty() { Ok(settings) } else { Err(Invalid(self.problems)) }
    }
}

/// Reads `log_level`: the least severe level that is written.
pub fn log_level(reader: &mut Reader) -> Level {
    Level::parse(&reader.text("log_level")).unwrap_or_else(|| {
        reader.problem("log_level", "must be error, warn, info or debug");
        Level::Info
    })
}
