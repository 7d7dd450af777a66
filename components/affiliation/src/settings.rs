//! The component's settings.

use connectivity_domain::retention::Retention;
use connectivity_edge::retention::read_retention;
use connectivity_edge::service_settings::ServiceSettings;
use connectivity_runtime::settings::{Invalid, Reader};
use std::time::Duration;

/// The settings. Without `Debug`, because they hold secrets.
pub(crate) struct Settings {
    pub(crate) service: ServiceSettings,
    /// `affiliation_cache_seconds`: for how long "already affiliated" is answered from the cache.
    /// `None` if verdicts are not cached.
    pub(crate) affiliated_ttl: Option<Duration>,
    /// Whether `affiliated_status` is 204: then "already affiliated" is answered without a body.
    pub(crate) affiliated_without_body: bool,
    /// `retention_checks_days`: how long checks are kept.
    pub(crate) checks: Retention,
    /// `retention_audit_days`: how long entries of the audit log are kept.
    pub(crate) audit: Retention,
}

const NAMES: [&str; 4] =
    ["affiliation_cache_seconds", "affiliated_status", "retention_checks_days", "retention_audit_days"];

/// The longest time for which a verdict is cached, in seconds. An affiliation that ends meanwhile
/// is still reported.
const MAX_CACHE_SECONDS: u64 = 86_400;

impl Settings {
    pub(crate) async fn from_host() -> Result<Self, Invalid> {
        Self::read(ServiceSettings::reader(&NAMES).await)
    }

    pub(crate) fn read(mut reader: Reader) -> Result<Self, Invalid> {
        let seconds = reader.number("affiliation_cache_seconds", 0..=MAX_CACHE_SECONDS);
        let affiliated_status = reader.text("affiliated_status");
        if !["200", "204"].contains(&affiliated_status.as_str()) {
            reader.problem("affiliated_status", "must be 200 or 204");
        }
        let settings = Self {
            service: ServiceSettings::read(&mut reader),
            affiliated_ttl: (seconds > 0).then(|| Duration::from_secs(seconds)),
            affiliated_without_body: affiliated_status == "204",
            checks: read_retention(&mut reader, "retention_checks_days"),
            audit: read_retention(&mut reader, "retention_audit_days"),
        };
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_runtime::settings::ODD;

    #[test]
    fn no_value_of_a_setting_causes_a_panic() {
        for (name, value) in ServiceSettings::names(&NAMES).iter().flat_map(|name| ODD.map(|value| (*name, value))) {
            let problems = Settings::read(Reader::from_values(&[(name, value)])).err();
            assert!(!problems.map(|problems| problems.to_string()).unwrap_or_default().contains("hunter2"), "{name}");
        }
    }
}
