//! The settings of other issuers: one that publishes its keys, and one that shares a secret.

use super::settings::MIN_SECRET;
use connectivity_domain::access::{Scope, Scopes};
use connectivity_runtime::settings::Reader;

/// Another issuer, which publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherIssuer {
    /// `jwt_jwks_url`: the address of its JSON Web Key Set.
    pub jwks_url: String,
    /// `jwt_jwks_issuer`: the value of `iss` in its tokens.
    pub issuer: String,
    /// `jwt_jwks_scopes`: the scopes that its tokens may have.
    pub scopes: Scopes,
}

/// A service that signs tokens with a secret that it shares with this one, and names no issuer in
/// them. It holds a secret, and so has no `Debug`.
#[derive(Clone)]
pub struct SharedSecret {
    /// `jwt_shared_secret`: the key of HS256.
    pub secret: String,
    /// `jwt_shared_issuer`: the name of the service in records and rate limits.
    pub issuer: String,
    /// `jwt_shared_scopes`: the scopes that its tokens may have.
    pub scopes: Scopes,
}

impl OtherIssuer {
    /// Reads `jwt_jwks_url`, `jwt_jwks_origin`, `jwt_jwks_issuer` and `jwt_jwks_scopes`. `own` is
    /// the name of this service as an issuer.
    ///
    /// The origin is a variable of its own because the allowed hosts of a manifest cannot hold a
    /// path.
    pub(super) fn read(reader: &mut Reader, own: &str) -> Option<Self> {
        let jwks_url = reader.text("jwt_jwks_url");
        if jwks_url.is_empty() {
            return None;
        }
        let origin = reader.text("jwt_jwks_origin");
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
        let issuer = issuer(reader, "jwt_jwks_issuer", "jwt_jwks_url", own);
        let scopes = scopes(reader, "jwt_jwks_scopes", "jwt_jwks_url");
        Some(Self { jwks_url, issuer, scopes })
    }
}

impl SharedSecret {
    /// Reads `jwt_shared_secret`, `jwt_shared_issuer` and `jwt_shared_scopes`. `own` is the name of
    /// this service as an issuer.
    pub(super) fn read(reader: &mut Reader, own: &str) -> Option<Self> {
        let secret = reader.secret("jwt_shared_secret");
        if secret.is_empty() {
            return None;
        }
        if secret.len() < MIN_SECRET {
            reader.problem("jwt_shared_secret", "must have at least 32 bytes");
        }
        if secret == reader.secret("jwt_secret") {
            reader.problem("jwt_shared_secret", "must differ from jwt_secret, which signs every scope");
        }
        let issuer = issuer(reader, "jwt_shared_issuer", "jwt_shared_secret", own);
        let scopes = scopes(reader, "jwt_shared_scopes", "jwt_shared_secret");
        Some(Self { secret, issuer, scopes })
    }
}

/// Reads the name of an issuer, which is a part of the names of its subjects.
fn issuer(reader: &mut Reader, name: &str, with: &str, own: &str) -> String {
    let issuer = reader.text(name);
    if issuer.is_empty() {
        reader.problem(name, &format!("must be set when {with} is"));
    } else if issuer == own {
        reader.problem(name, "must differ from jwt_issuer, the name of this service");
    } else if issuer.contains('|') {
        reader.problem(name, "must not contain |");
    }
    issuer
}

/// Reads the scopes that another issuer may grant. Those that administer this service are its own.
fn scopes(reader: &mut Reader, name: &str, with: &str) -> Scopes {
    let text = reader.text(name);
    let names: Vec<_> = text.split([' ', ',']).filter(|name| !name.is_empty()).collect();
    let scopes = Scopes::from_names(&names).unwrap_or_default();
    let reserved = [Scope::Admin, Scope::Bridge].map(Scope::as_str);
    if scopes.is_empty() || scopes.names().iter().any(|scope| reserved.contains(scope)) {
        let form =
            format!("must be set when {with} is: affiliation, documents or both (admin and bridge are not allowed)");
        reader.problem(name, &form);
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: (&str, &str) = ("jwt_jwks_url", "https://id.example:8443/keys?v=1");
    const ORIGIN: (&str, &str) = ("jwt_jwks_origin", "https://id.example:8443");
    const ISSUER: (&str, &str) = ("jwt_jwks_issuer", "id");
    const SCOPES: (&str, &str) = ("jwt_jwks_scopes", "documents, affiliation");
    const SHARED: (&str, &str) = ("jwt_shared_secret", "another secret of thirty-two bytes");

    fn problems<T>(values: &[(&str, &str)], read: fn(&mut Reader, &str) -> Option<T>) -> Result<Option<T>, String> {
        let mut reader = Reader::from_values(values);
        let read = read(&mut reader, "connectivity");
        reader.finish(read).map_err(|problems| problems.to_string())
    }

    #[test]
    fn other_issuer_needs_a_name_a_matching_origin_and_scopes() {
        let read = |values: &[(&str, &str)]| problems(values, OtherIssuer::read);
        assert_eq!(read(&[]), Ok(None));
        let scopes = Scopes::parse("affiliation documents").expect("scopes");
        let expected = OtherIssuer { jwks_url: URL.1.into(), issuer: "id".into(), scopes };
        assert_eq!(read(&[URL, ORIGIN, ISSUER, SCOPES]), Ok(Some(expected)));
        // Of two values of one name the second counts.
        for (wrong, named) in [
            (("jwt_jwks_issuer", ""), "jwt_jwks_issuer must be set"),
            (("jwt_jwks_issuer", "connectivity"), "jwt_jwks_issuer must differ from jwt_issuer"),
            (("jwt_jwks_issuer", "a|b"), "jwt_jwks_issuer must not contain |"),
            (("jwt_jwks_origin", "https://id.example"), "jwt_jwks_origin"),
            (("jwt_jwks_origin", ""), "jwt_jwks_origin"),
            (("jwt_jwks_url", "ftp://id.example/keys"), "jwt_jwks_url"),
            (("jwt_jwks_url", "id.example/keys"), "jwt_jwks_url"),
            (("jwt_jwks_url", "https://me@id.example/keys"), "jwt_jwks_url"),
            (("jwt_jwks_scopes", ""), "jwt_jwks_scopes must be set when jwt_jwks_url is"),
            (("jwt_jwks_scopes", "affiliation admin"), "jwt_jwks_scopes"),
            (("jwt_jwks_scopes", "bridge"), "jwt_jwks_scopes"),
            (("jwt_jwks_scopes", "affiliation other"), "jwt_jwks_scopes"),
        ] {
            let problem = read(&[URL, ORIGIN, ISSUER, SCOPES, wrong]).expect_err(named);
            assert!(problem.contains(named), "{named} in {problem}");
        }
    }

    #[test]
    fn shared_secret_needs_a_name_and_scopes_and_is_not_the_own_secret() {
        let read =
            |values: &[(&str, &str)]| problems(values, |reader, own| SharedSecret::read(reader, own).map(|_| ()));
        let rest = [("jwt_shared_issuer", "accounts"), ("jwt_shared_scopes", "affiliation")];
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[SHARED, rest[0], rest[1]]), Ok(Some(())));
        for (wrong, named) in [
            (("jwt_shared_secret", "short"), "jwt_shared_secret must have at least 32 bytes"),
            (("jwt_secret", SHARED.1), "jwt_shared_secret must differ from jwt_secret"),
            (("jwt_shared_issuer", ""), "jwt_shared_issuer must be set"),
            (("jwt_shared_issuer", "connectivity"), "jwt_shared_issuer must differ"),
            (("jwt_shared_scopes", "admin"), "jwt_shared_scopes"),
        ] {
            let problem = read(&[SHARED, rest[0], rest[1], wrong]).expect_err(named);
            assert!(problem.contains(named), "{named} in {problem}");
        }
    }
}
