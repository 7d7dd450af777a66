//! The settings of the guard: rate limits, trusted proxies and CORS.

use super::networks::Networks;
use crate::cors::Cors;
use crate::rate_limit::Rate;
use connectivity_runtime::settings::Reader;

/// The settings of the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// `throttle_user`: the rate limit of one subject.
    pub throttle_user: Rate,
    /// `throttle_anon`: the rate limit of one address, where no token is needed.
    pub throttle_anon: Rate,
    /// `trusted_proxies`: the proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Networks,
    /// `cors_allowed_origins`; `None` if no page of another origin may read responses.
    pub cors: Option<Cors>,
}

impl GuardSettings {
    /// The variables that [`GuardSettings::read`] reads.
    pub const NAMES: [&str; 4] = ["throttle_user", "throttle_anon", "trusted_proxies", "cors_allowed_origins"];

    /// Reads `throttle_user`, `throttle_anon`, `trusted_proxies` and `cors_allowed_origins`.
    pub fn read(reader: &mut Reader) -> Self {
        Self {
            throttle_user: Rate::read(reader, "throttle_user"),
            throttle_anon: Rate::read(reader, "throttle_anon"),
            trusted_proxies: Networks::parse(&reader.text("trusted_proxies")).unwrap_or_else(|| {
                let form =
                    "must be the addresses of proxies, or blocks of at most /24 (IPv6: /64), separated by commas";
                reader.problem("trusted_proxies", form);
                Networks::default()
            }),
            cors: Cors::read(reader),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&'static str, &str)]) -> Result<GuardSettings, String> {
        let mut reader = Reader::from_values(values);
        let settings = GuardSettings::read(&mut reader);
        reader.finish(settings).map_err(|problems| problems.to_string())
    }

    #[test]
    fn defaults_trust_no_proxy_and_allow_no_origin() {
        let settings = read(&[("throttle_user", "1000/hour"), ("throttle_anon", "100/hour")]).expect("settings");
        assert_eq!((settings.throttle_user.calls, settings.throttle_anon.calls), (1000, 100));
        assert_eq!((settings.trusted_proxies, settings.cors), (Networks::default(), None));
    }

    #[test]
    fn all_invalid_settings_are_reported_together() {
        let values = GuardSettings::NAMES.map(|name| (name, "*.example.org"));
        let problems = read(&values).expect_err("problems");
        for name in GuardSettings::NAMES {
            assert!(problems.contains(name), "{name} in {problems}");
        }
    }
}
