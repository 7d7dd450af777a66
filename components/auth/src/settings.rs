//! The component's settings.

use crate::keys::{KeyError, Lifetimes, Signer};
use crate::seed::Entry;
use connectivity_domain::access::LoginPace;
use connectivity_edge::rate_limit::Rate;
use connectivity_edge::service_settings::ServiceSettings;
use connectivity_runtime::settings::{Invalid, Reader};
use std::time::Duration;

/// The settings. Without `Debug`, because they hold secrets.
pub(crate) struct Settings {
    pub(crate) service: ServiceSettings,
    pub(crate) signer: Signer,
    pub(crate) seeds: Vec<Entry>,
    /// The public members of `jwt_public_keys`, which are published.
    pub(crate) key_set: String,
    /// `public_url`: the address of this service for callers; empty if it is not set.
    pub(crate) public_url: String,
    /// `throttle_logins`
    pub(crate) login_pace: LoginPace,
}

const NAMES: [&str; 7] = [
    "jwt_signing_key",
    "jwt_access_minutes",
    "jwt_refresh_days",
    "jwt_session_days",
    "service_accounts",
    "public_url",
    "throttle_logins",
];

impl Settings {
    /// Returns the names of all variables that are read.
    #[cfg(test)]
    pub(crate) fn names() -> Vec<&'static str> {
        ServiceSettings::names(&NAMES)
    }

    pub(crate) async fn from_host() -> Result<Self, Invalid> {
        Self::read(ServiceSettings::reader(&NAMES).await)
    }

    pub(crate) fn read(mut reader: Reader) -> Result<Self, Invalid> {
        let service = ServiceSettings::read(&mut reader);
        let lifetimes = Lifetimes {
            access: Duration::from_mins(reader.number("jwt_access_minutes", 1..=1_440)),
            refresh: Duration::from_hours(24 * reader.number("jwt_refresh_days", 1..=365)),
            session: Duration::from_hours(24 * reader.number("jwt_session_days", 1..=3_650)),
        };
        let signer = Signer::new(&service.tokens, reader.secret("jwt_signing_key").trim(), lifetimes);
        let signer = signer.map_err(|error| match error {
            KeyError::NotAKey => {
                reader.problem("jwt_signing_key", "must be a private key in PEM (PKCS #8) of Ed25519 or P-256");
            }
            KeyError::NotPublished => {
                reader.problem("jwt_public_keys", "must contain the public key of jwt_signing_key, with its kid");
            }
            KeyError::Missing => reader.problem("jwt_signing_key", "must be set when jwt_public_keys is"),
        });
        let seeds = Entry::read_all(&reader.secret("service_accounts")).unwrap_or_else(|what| {
            reader.problem("service_accounts", &what);
            Vec::new()
        });
        let public_url = reader.text("public_url").trim_end_matches('/').to_owned();
        if !public_url.is_empty() && !public_url.starts_with("https://") && !public_url.starts_with("http://") {
            reader.problem("public_url", "must look like https://host");
        }
        let logins = Rate::read(&mut reader, "throttle_logins");
        let login_pace = LoginPace { interval: logins.window / u32::try_from(logins.calls).unwrap_or(u32::MAX) };
        let Ok(signer) = signer else { return Err(reader.into_problems()) };
        let key_set = key_set(&reader.text("jwt_public_keys"));
        reader.finish(Self { service, signer, seeds, key_set, public_url, login_pace })
    }
}

/// Returns the key set with only the public members of each key, whatever else the variable
/// contains.
fn key_set(text: &str) -> String {
    let set: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let public = |key: &serde_json::Value| {
        let members = ["kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"];
        let kept = members.into_iter().filter_map(|name| Some((name.to_owned(), key.get(name)?.clone())));
        serde_json::Value::Object(kept.collect())
    };
    // A symmetric key has no public members.
    let keys = set["keys"].as_array().into_iter().flatten().filter(|key| key["kty"] != "oct");
    serde_json::json!({ "keys": keys.map(public).collect::<Vec<_>>() }).to_string()
}
