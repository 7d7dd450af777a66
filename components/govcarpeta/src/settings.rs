//! The plugin's settings.

use connectivity_registry_http::exchange::Endpoint;
use connectivity_runtime::log;
use connectivity_runtime::settings::{Invalid, Reader, log_level};
use std::time::Duration;

/// The settings of the plugin. They hold secrets, and so have no `Debug`.
pub(crate) struct Settings {
    /// `registry_url` and `registry_api_key`.
    pub(crate) endpoint: Endpoint,
    /// `registry_timeout_ms`: how long one attempt may take.
    pub(crate) attempt_timeout: Duration,
    /// `registry_attempts`: how many attempts a call may take.
    pub(crate) attempts: u32,
}

/// The names of the settings, as the plugin declares them.
pub(crate) const NAMES: [&str; 5] =
    ["registry_url", "registry_api_key", "registry_timeout_ms", "registry_attempts", "log_level"];

impl Settings {
    /// Returns how long a whole call may take. A registry that fails at once is asked `attempts`
    /// times, one that hangs is asked twice.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.attempt_timeout * 2
    }

    /// Validates the settings and applies the log level.
    pub(crate) fn read(mut reader: Reader) -> Result<Self, Invalid> {
        let url = reader.text("registry_url");
        let url = url.strip_suffix('/').unwrap_or(&url).to_owned();
        let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
            reader.problem("registry_url", "must look like https://host or https://host:port, without user or path");
        }
        let api_key = Some(reader.secret("registry_api_key")).filter(|key| !key.is_empty());
        if api_key.as_deref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            reader.problem("registry_api_key", "must consist of visible ASCII characters");
        }
        let settings = Self {
            endpoint: Endpoint { url, api_key },
            attempt_timeout: Duration::from_millis(reader.number("registry_timeout_ms", 10..=60_000)),
            attempts: u32::try_from(reader.number("registry_attempts", 1..=10)).unwrap_or(1),
        };
        log::set_threshold(log_level(&mut reader));
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_runtime::settings::ODD;

    fn read(url: &str, key: &str, timeout: &str) -> Result<Settings, Invalid> {
        Settings::read(Reader::from_values(&[
            ("registry_url", url),
            ("registry_api_key", key),
            ("registry_timeout_ms", timeout),
            ("registry_attempts", "3"),
            ("log_level", "info"),
        ]))
    }

    #[test]
    fn no_value_of_a_setting_causes_a_panic() {
        for (name, value) in NAMES.iter().flat_map(|name| ODD.map(|value| (*name, value))) {
            let problems = Settings::read(Reader::from_values(&[(name, value)])).err();
            assert!(!problems.map(|problems| problems.to_string()).unwrap_or_default().contains("hunter2"), "{name}");
        }
    }

    #[test]
    fn url_must_be_an_origin() {
        assert_eq!(
            read("https://registry.example/", "", "10000").ok().map(|it| it.endpoint.url).as_deref(),
            Some("https://registry.example")
        );
        for bad in ["", "registry.example", "ftp://a", "https://", "https://a/b", "https://user@a", "https://a?b"] {
            assert!(read(bad, "", "10000").is_err(), "{bad}");
        }
        assert!(read("https://a", "line\nbreak", "10000").is_err());
        assert!(read("https://a", "", "0").is_err());
    }
}
