//! The public keys of an issuer: a JSON Web Key Set (RFC 7517 section 5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// How many keys of a set are read. More would only slow down the search.
const MAX_KEYS: usize = 50;

/// The sizes of an RSA modulus that are accepted, in bytes. The lower bound is RFC 7518 section
/// 3.3, the upper one limits the cost of a verification.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The text is not a key set, or none of its keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key set with a usable key")]
pub struct NoKeySet;

/// Public keys for signatures, each with its id and its algorithm.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<PublicKey>);

/// A public key. It verifies signatures of its own algorithm only, whatever a token's header asks
/// for (RFC 8725 section 3.1).
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl KeySet {
    /// Parses a key set. Keys for another use or of an unsupported type are skipped (RFC 7517
    /// section 5).
    ///
    /// ```
    /// use connectivity_edge::token::jwks::KeySet;
    /// use jsonwebtoken::Algorithm;
    ///
    /// let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// let keys = KeySet::parse(set.as_bytes()).unwrap();
    /// assert!(keys.find("a", Algorithm::EdDSA).is_some());
    /// assert!(keys.find("a", Algorithm::RS256).is_none());
    /// ```
    ///
    /// # Errors
    ///
    /// The text is not a key set, or no key of it can be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoKeySet> {
        // The keys are read one by one, so that one that cannot be read does not make the set
        // useless.
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(bytes).map_err(|_| NoKeySet)?;
        let keys = set.keys.into_iter().take(MAX_KEYS);
        let keys: Vec<_> = keys.filter_map(|key| public_key(&serde_json::from_value(key).ok()?)).collect();
        if keys.is_empty() { Err(NoKeySet) } else { Ok(Self(keys)) }
    }

    /// Returns the keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Returns the key with this id and algorithm.
    pub fn find(&self, id: &str, algorithm: Algorithm) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id == id && key.algorithm == algorithm)
    }
}

impl PublicKey {
    /// Returns the id of the key (`kid`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the key in the form that verifies a signature.
    pub fn key(&self) -> &DecodingKey {
        &self.key
    }
}

/// Returns the algorithm of that name if published keys may have it. All of them are asymmetric,
/// because a published key is not a secret.
pub fn published_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if RSA_BYTES.contains(&URL_SAFE_NO_PAD.decode(&key.n).ok()?.len()) => {
            (Algorithm::RS256, KeyAlgorithm::RS256)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(_)
        | AlgorithmParameters::EllipticCurve(_)
        | AlgorithmParameters::OctetKeyPair(_)
        | AlgorithmParameters::OctetKey(_) => return None,
    };
    let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let agrees = jwk.common.key_algorithm.is_none_or(|it| it == name);
    if !is_for_signatures || !agrees {
        return None;
    }
    Some(PublicKey { id: jwk.common.key_id.clone()?, algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    // The keys are from RFC 8037 appendix A.2 and RFC 7515 appendix A.3.
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
    fn key_is_found_by_id_and_algorithm() {
        let keys = [ed25519(), p256(), json!({"kty": "oct", "kid": "c", "k": "AAAA"}), json!(7)];
        check(&keys, "a", Algorithm::EdDSA, true);
        check(&keys, "b", Algorithm::ES256, true);
        check(&keys, "a", Algorithm::ES256, false);
        check(&keys, "c", Algorithm::HS256, false);
        check(&keys, "d", Algorithm::EdDSA, false);
    }

    #[test]
    fn keys_for_another_use_are_skipped() {
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
    fn text_that_is_not_a_key_set_is_rejected() {
        for text in ["", "{}", "[]", "{\"keys\": 1}", "{\"keys\": []}", "<html>"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
