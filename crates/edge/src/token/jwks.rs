//! The public keys of an issuer: a JSON Web Key Set (RFC 7517 section 5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// How many keys of a set are read. More would only slow down the search.
const MAX_KEYS: usize = 50;

/// How many keys are tried for a token that names none.
const MAX_TRIED: usize = 4;

/// The sizes of an RSA modulus that are accepted, in bytes. The lower bound is RFC 7518 section
/// 3.3, the upper one limits the cost of a verification.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The text is not a key set, or none of its keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key set with a usable key")]
pub struct NoKeySet;

/// Public keys for signatures, each with its id and its algorithms.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<PublicKey>);

/// A public key. It verifies signatures of its own algorithms only, whatever a token's header asks
/// for (RFC 8725 section 3.1).
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// The members of a JSON Web Key that matter (RFC 7517 section 4, RFC 7518 section 6).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
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
    /// assert_eq!(keys.find(Some("a"), Algorithm::EdDSA).len(), 1);
    /// assert!(keys.find(Some("a"), Algorithm::RS256).is_empty());
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
        let keys: Vec<_> = keys.filter_map(|key| public_key(serde_json::from_value(key).ok()?)).collect();
        if keys.is_empty() { Err(NoKeySet) } else { Ok(Self(keys)) }
    }

    /// Returns the keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Returns the keys with this id that fit the algorithm. For a token without an id (RFC 7515
    /// section 4.1.4), returns the first few that fit.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<PublicKey> {
        let fits = |key: &&PublicKey| (id.is_none() || key.id() == id) && key.algorithms.contains(&algorithm);
        self.0.iter().filter(fits).take(MAX_TRIED).cloned().collect()
    }
}

impl PublicKey {
    /// Returns the id of the key (`kid`), if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns whether the key verifies signatures of this algorithm.
    pub fn has(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Returns the key in the form that verifies a signature.
    pub fn key(&self) -> &DecodingKey {
        &self.key
    }
}

/// Returns the algorithm of that name if published keys may have it. All of them are asymmetric,
/// because a published key is not a secret.
pub(super) fn published_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "RS384" => Some(Algorithm::RS384),
        "RS512" => Some(Algorithm::RS512),
        "PS256" => Some(Algorithm::PS256),
        "PS384" => Some(Algorithm::PS384),
        "PS512" => Some(Algorithm::PS512),
        "ES256" => Some(Algorithm::ES256),
        "ES384" => Some(Algorithm::ES384),
        // RFC 9864 names the only curve of EdDSA that is supported.
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

fn public_key(jwk: Jwk) -> Option<PublicKey> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let (x, y) = (coordinate(jwk.x.as_deref()), coordinate(jwk.y.as_deref()));
    let point = |x: Vec<u8>, y: Vec<u8>| DecodingKey::from_ec_der(&[&[4], &x[..], &y].concat());
    let (key, algorithms) = match (jwk.kty.as_str(), jwk.crv.as_deref(), x, y) {
        ("RSA", _, _, _) => {
            let modulus = URL_SAFE_NO_PAD.decode(jwk.n?).ok().filter(|n| RSA_BYTES.contains(&n.len()))?;
            let exponent = URL_SAFE_NO_PAD.decode(jwk.e?).ok()?;
            let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
            (key, vec![RS256, RS384, RS512, PS256, PS384, PS512])
        }
        ("EC", Some("P-256"), Some(x), Some(y)) if x.len() == 32 && y.len() == 32 => (point(x, y), vec![ES256]),
        ("EC", Some("P-384"), Some(x), Some(y)) if x.len() == 48 && y.len() == 48 => (point(x, y), vec![ES384]),
        ("OKP", Some("Ed25519"), Some(x), _) if x.len() == 32 => (DecodingKey::from_ed_der(&x), vec![EdDSA]),
        _ => return None,
    };
    let algorithms = match jwk.alg {
        None => algorithms,
        Some(name) => vec![published_algorithm(&name).filter(|only| algorithms.contains(only))?],
    };
    let is_for_signatures = jwk.usage.is_none_or(|usage| usage == "sig")
        && jwk.key_ops.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    is_for_signatures.then_some(PublicKey { id: jwk.kid, algorithms, key })
}

fn coordinate(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
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

    fn rsa(characters: usize) -> Value {
        json!({"kty": "RSA", "kid": "a", "n": "A".repeat(characters), "e": "AQAB"})
    }

    fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
        key[name] = value.into();
        key
    }

    fn found(keys: &[Value], id: Option<&str>, algorithm: Algorithm) -> usize {
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
        set.map_or(0, |set| set.find(id, algorithm).len())
    }

    fn check(keys: &[Value], id: &str, algorithm: Algorithm, is_found: bool) {
        assert_eq!(found(keys, Some(id), algorithm) > 0, is_found, "{keys:?} {id} {algorithm:?}");
    }

    #[test]
    fn key_is_found_by_id_and_algorithm() {
        let keys = [ed25519(), p256(), json!({"kty": "oct", "kid": "c", "k": "AAAA"}), json!(7)];
        check(&keys, "a", Algorithm::EdDSA, true);
        check(&keys, "b", Algorithm::ES256, true);
        check(&keys, "a", Algorithm::ES256, false);
        check(&keys, "b", Algorithm::ES384, false);
        check(&keys, "c", Algorithm::HS256, false);
        check(&keys, "d", Algorithm::EdDSA, false);
    }

    #[test]
    fn keys_for_another_use_are_skipped() {
        check(&[with(ed25519(), "use", "sig")], "a", Algorithm::EdDSA, true);
        check(&[with(ed25519(), "use", "enc")], "a", Algorithm::EdDSA, false);
        check(&[with(ed25519(), "key_ops", json!(["verify"]))], "a", Algorithm::EdDSA, true);
        check(&[with(ed25519(), "key_ops", json!(["encrypt"]))], "a", Algorithm::EdDSA, false);
        check(&[with(ed25519(), "alg", "EdDSA")], "a", Algorithm::EdDSA, true);
        check(&[with(ed25519(), "alg", "Ed25519")], "a", Algorithm::EdDSA, true);
        check(&[with(ed25519(), "alg", "HS256")], "a", Algorithm::EdDSA, false);
        check(&[with(ed25519(), "crv", "X25519")], "a", Algorithm::EdDSA, false);
        check(&[with(p256(), "y", "AAAA")], "b", Algorithm::ES256, false);
    }

    #[test]
    fn rsa_key_has_all_its_algorithms_or_the_stated_one() {
        for algorithm in [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256] {
            check(&[rsa(342)], "a", algorithm, true);
            check(&[with(rsa(342), "alg", "PS256")], "a", algorithm, algorithm == Algorithm::PS256);
            check(&[rsa(170)], "a", algorithm, false);
        }
        check(&[with(rsa(342), "alg", "RSA-OAEP")], "a", Algorithm::RS256, false);
        check(&[rsa(342)], "a", Algorithm::HS256, false);
    }

    #[test]
    fn without_an_id_the_first_keys_that_fit_are_found() {
        let without_id = json!({"kty": "RSA", "n": "A".repeat(342), "e": "AQAB"});
        assert_eq!(found(&[without_id.clone(), ed25519()], None, Algorithm::RS256), 1);
        assert_eq!(found(&[without_id.clone(), rsa(342), ed25519()], None, Algorithm::RS256), 2);
        assert_eq!(found(&vec![rsa(342); 9], None, Algorithm::RS256), 4);
        assert_eq!(found(&[without_id], Some("a"), Algorithm::RS256), 0);
    }

    #[test]
    fn text_that_is_not_a_key_set_is_rejected() {
        for text in ["", "{}", "[]", "{\"keys\": 1}", "{\"keys\": []}", "<html>"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
