//! The public keys of an issuer: a JSON Web Key Set (RFC 7517 section 5), of which we take what we can use.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// More keys than this nobody publishes; the rest is not read.
const MAX_KEYS: usize = 50;

/// The shortest RSA modulus, in bytes (RFC 7518 section 3.3), and the longest that we are ready to compute with.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A set without a usable key, or no set at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key set with a usable key")]
pub struct NoKeySet;

/// Keys for signatures, each for one algorithm and under its id.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<PublicKey>);

/// One key. It verifies signatures under its own algorithm, whatever a token asks for (RFC 8725 section 3.1).
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// The members of a JSON Web Key that we read (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys that are for something else, or that we do not understand, are passed over (section 5).
    ///
    /// # Errors
    ///
    /// It is no set, or none of its keys is of use.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoKeySet> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(bytes).map_err(|_| NoKeySet)?;
        let keys = set.keys.into_iter().take(MAX_KEYS);
        let keys: Vec<_> =
            keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok().and_then(|jwk| public_key(&jwk))).collect();
        if keys.is_empty() { Err(NoKeySet) } else { Ok(Self(keys)) }
    }

    /// All of them.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// The key of that id and algorithm.
    pub fn find(&self, id: &str, algorithm: Algorithm) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id == id && key.algorithm == algorithm)
    }
}

impl PublicKey {
    /// `kid`
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key itself.
    pub fn key(&self) -> &DecodingKey {
        &self.key
    }
}

/// The algorithms of published keys by their names in a token's header. None of them is symmetric: what is published
/// is never a secret.
pub fn published_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    let (algorithm, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", None) => (Algorithm::RS256, rsa(jwk)?),
        ("EC", Some("P-256")) => {
            (Algorithm::ES256, DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?).ok()?)
        }
        ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, DecodingKey::from_ed_components(jwk.x.as_deref()?).ok()?),
        _ => return None,
    };
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let agrees = jwk.alg.as_deref().is_none_or(|name| published_algorithm(name) == Some(algorithm));
    (signs && agrees).then(|| PublicKey { id: jwk.kid.clone(), algorithm, key })
}

fn rsa(jwk: &Jwk) -> Option<DecodingKey> {
    let (modulus, exponent) = (jwk.n.as_deref()?, jwk.e.as_deref()?);
    let bytes = super::base64_url(modulus)?;
    if !RSA_BYTES.contains(&bytes.len()) {
        return None;
    }
    DecodingKey::from_rsa_components(modulus, exponent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The keys of RFC 8037 appendix A.2 and RFC 7515 appendix A.3.
    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn p256() -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "b", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
               "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    }

    fn with(mut key: Value, name: &str, value: &str) -> Value {
        key[name] = value.into();
        key
    }

    fn check(keys: &[Value], id: &str, algorithm: Algorithm, found: bool) {
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
        assert_eq!(set.is_ok_and(|set| set.find(id, algorithm).is_some()), found, "{keys:?} {id} {algorithm:?}");
    }

    #[test]
    fn a_key_is_found_by_its_id_and_for_its_algorithm_alone() {
        let keys = [ed25519(), p256(), json!({"kty": "oct", "kid": "c", "k": "AAAA"}), json!(7)];
        check(&keys, "a", Algorithm::EdDSA, true);
        check(&keys, "b", Algorithm::ES256, true);
        check(&keys, "a", Algorithm::ES256, false);
        check(&keys, "c", Algorithm::HS256, false);
        check(&keys, "d", Algorithm::EdDSA, false);
    }

    #[test]
    fn keys_for_something_else_are_passed_over() {
        let short = json!({"kty": "RSA", "kid": "a", "n": "A".repeat(170), "e": "AQAB"});
        let long = json!({"kty": "RSA", "kid": "a", "n": "A".repeat(342), "e": "AQAB"});
        check(&[with(ed25519(), "use", "sig")], "a", Algorithm::EdDSA, true);
        check(&[with(ed25519(), "use", "enc")], "a", Algorithm::EdDSA, false);
        check(&[with(ed25519(), "alg", "EdDSA")], "a", Algorithm::EdDSA, true);
        check(&[with(ed25519(), "alg", "HS256")], "a", Algorithm::EdDSA, false);
        check(&[with(ed25519(), "crv", "X25519")], "a", Algorithm::EdDSA, false);
        check(&[long], "a", Algorithm::RS256, true);
        check(&[short], "a", Algorithm::RS256, false);
    }

    #[test]
    fn what_is_no_set_is_none() {
        for text in ["", "{}", "[]", "{\"keys\": 1}", "{\"keys\": []}", "<html>"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
