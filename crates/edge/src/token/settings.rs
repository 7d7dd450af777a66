//! The settings that tokens are verified with.

use super::jwks::KeySet;
use connectivity_runtime::settings::Reader;

/// The keys and names that tokens are verified against. They hold a secret, and so have no `Debug`.
#[derive(Clone)]
pub struct TokenSettings {
    /// `jwt_secret`: the key of HS256, at least 32 bytes (RFC 7518 section 3.2).
    pub secret: String,
    /// `jwt_issuer`: the required value of `iss`.
    pub issuer: String,
    /// `jwt_audience`: the required value of `aud`.
    pub audience: String,
    /// `jwt_public_keys`: the keys of tokens that were signed with `jwt_signing_key`. `None` if
    /// none are.
    pub public_keys: Option<KeySet>,
    /// `jwt_jwks_url` and what belongs to it. `None` if there is no other issuer.
    pub other: Option<OtherIssuer>,
}

/// Another issuer, which publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherIssuer {
    /// `jwt_jwks_url`: the address of its JSON Web Key Set.
    pub jwks_url: String,
    /// `jwt_jwks_issuer`: the value of `iss` in its tokens.
    pub issuer: String,
}

impl TokenSettings {
    /// The variables that [`TokenSettings::read`] reads.
    pub const NAMES: [&str; 7] = [
        "jwt_secret",
        "jwt_issuer",
        "jwt_audience",
        "jwt_public_keys",
        "jwt_jwks_url",
        "jwt_jwks_origin",
        "jwt_jwks_issuer",
    ];

    /// Reads the variables in [`TokenSettings::NAMES`].
    pub fn read(reader: &mut Reader) -> Self {
        let secret = reader.secret("jwt_secret");
        if secret.len() < 32 {
            reader.problem("jwt_secret", "must have at least 32 bytes");
        }
        let (issuer, audience) = (reader.text("jwt_issuer"), reader.text("jwt_audience"));
        for (name, value) in [("jwt_issuer", &issuer), ("jwt_audience", &audience)] {
            if value.is_empty() {
                reader.problem(name, "must not be empty");
            }
        }
        let keys = reader.text("jwt_public_keys");
        let public_keys = (!keys.is_empty()).then(|| KeySet::parse(keys.as_bytes()).ok()).flatten();
        if !keys.is_empty() && public_keys.is_none() {
            reader.problem("jwt_public_keys", "must be a JSON Web Key Set: {\"keys\":[…]}");
        }
        Self { secret, issuer, audience, public_keys, other: OtherIssuer::read(reader) }
    }
}

impl OtherIssuer {
    /// Reads `jwt_jwks_url`, `jwt_jwks_origin` and `jwt_jwks_issuer`.
    ///
    /// The origin is a variable of its own because the allowed hosts of a manifest cannot hold a
    /// path.
    fn read(reader: &mut Reader) -> Option<Self> {
        let jwks_url = reader.text("jwt_jwks_url");
        if jwks_url.is_empty() {
            return None;
        }
        let (origin, issuer) = (reader.text("jwt_jwks_origin"), reader.text("jwt_jwks_issuer"));
        let uri: Option<http::Uri> = jwks_url.parse().ok();
        let of = uri.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
        let http = jwks_url.starts_with("https://") || jwks_url.starts_with("http://");
        match of {
            Some(of) if http && !of.contains('@') => {
                if origin.strip_suffix('/').unwrap_or(&origin) != of {
                    reader.problem("jwt_jwks_origin", "must be the beginning of jwt_jwks_url: scheme, host and port");
                }
            }
            _ => reader.problem("jwt_jwks_url", "must look like https://host/path"),
        }
        if issuer.is_empty() {
            reader.problem("jwt_jwks_issuer", "must be set when jwt_jwks_url is");
        }
        Some(Self { jwks_url, issuer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_issuer_needs_a_name_and_a_matching_origin() {
        let read = |url: &'static str, origin: &'static str, issuer: &'static str| {
            let mut reader =
                Reader::from_values(&[("jwt_jwks_url", url), ("jwt_jwks_origin", origin), ("jwt_jwks_issuer", issuer)]);
            let other = OtherIssuer::read(&mut reader);
            reader.finish(other)
        };
        assert_eq!(read("", "", ""), Ok(None));
        let (url, origin) = ("https://id.example:8443/keys?v=1", "https://id.example:8443");
        assert_eq!(read(url, origin, "id"), Ok(Some(OtherIssuer { jwks_url: url.into(), issuer: "id".into() })));
        for (url, origin, issuer) in [
            (url, origin, ""),
            (url, "https://id.example", "id"),
            (url, "", "id"),
            ("ftp://id.example/keys", "ftp://id.example", "id"),
            ("id.example/keys", "id.example", "id"),
            ("https://me@id.example/keys", "https://me@id.example", "id"),
        ] {
            assert!(read(url, origin, issuer).is_err(), "{url} {origin} {issuer}");
        }
    }

    #[test]
    fn all_problems_are_reported_together_and_without_values() {
        let mut reader = Reader::from_values(&[("jwt_secret", "short-secret"), ("jwt_public_keys", "no-key-set")]);
        TokenSettings::read(&mut reader);
        let problems = reader.finish(()).expect_err("problems").to_string();
        for name in ["jwt_secret", "jwt_issuer", "jwt_audience", "jwt_public_keys"] {
            assert!(problems.contains(name), "{name} in {problems}");
        }
        for value in ["short-secret", "no-key-set"] {
            assert!(!problems.contains(value), "{problems}");
        }
    }
}
