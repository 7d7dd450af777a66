//! The plugin's settings.

use connectivity_kit::log;
use connectivity_kit::settings::{CacheSettings, Invalid, Reader, log_level};
use std::time::Duration;

/// What the plugin needs to know. Holds secrets: no `Debug`.
pub(crate) struct Settings {
    /// `registry_url`, without a trailing slash.
    pub(crate) url: String,
    /// `registry_api_key`: sent as a bearer token when it is set.
    pub(crate) api_key: Option<String>,
    /// `registry_timeout_ms`: how long one try may take.
    pub(crate) try_timeout: Duration,
    /// `registry_attempts`: how many tries a call may take.
    pub(crate) attempts: u32,
    /// Where the breaker's state is shared.
    pub(crate) cache: CacheSettings,
}

const NAMES: [&str; 5] = ["registry_url", "registry_api_key", "registry_timeout_ms", "registry_attempts", "log_level"];

impl Settings {
    pub(crate) async fn of_host() -> Result<Self, Invalid> {
        let names: Vec<_> = NAMES.into_iter().chain(CacheSettings::NAMES).collect();
        Self::read(Reader::from_host(&names).await)
    }

    /// How long a whole call may take: a registry that fails at once gets all its tries, one that hangs gets two.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.try_timeout * 2
    }

    fn read(mut reader: Reader) -> Result<Self, Invalid> {
        let url = reader.text("registry_url");
        let url = url.strip_suffix('/').unwrap_or(&url).to_owned();
        let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
            reader.problem("registry_url", "must look like https://host or https://host:port, without user or path");
        }
        let api_key = Some(reader.secret("registry_api_key")).filter(|key| !key.is_empty());
        if api_key.as_deref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            reader.problem("registry_api_key", "must be of visible ASCII characters");
        }
        let settings = Self {
            url,
            api_key,
            try_timeout: Duration::from_millis(reader.number("registry_timeout_ms", 10..=60_000)),
            attempts: u32::try_from(reader.number("registry_attempts", 1..=10)).unwrap_or(1),
            cache: CacheSettings::read(&mut reader),
        };
        log::set_threshold(log_level(&mut reader));
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_origin_is_taken_and_anything_else_refused() {
        assert_eq!(
            read("https://registry.example/", "", "10000").ok().map(|it| it.url).as_deref(),
            Some("https://registry.example")
        );
        for bad in ["", "registry.example", "ftp://a", "https://", "https://a/b", "https://user@a", "https://a?b"] {
            assert!(read(bad, "", "10000").is_err(), "{bad}");
        }
        assert!(read("https://a", "line\nbreak", "10000").is_err());
        assert!(read("https://a", "", "0").is_err());
    }
}
