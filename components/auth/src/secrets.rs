//! Secrets of service accounts: generated at random, stored as Argon2id hashes (RFC 9106).

mod recent;
pub(crate) mod wrong;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connectivity_domain::access::Secrets;
use connectivity_domain::time::Timestamp;
use recent::RecentSecrets;
use uuid::Uuid;

/// Of the parameters that OWASP's password storage cheat sheet lists as equally strong, those with
/// the least memory: WebAssembly memory never shrinks.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;

/// The hash that a secret is compared with if the account does not exist, so that the response
/// takes as long as for one that does. No secret has this hash. It is a constant because computing
/// it would cost every instance the memory of a hash.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=7168,t=5,p=1$bm9ib2R5IGF0IGFsbCA6KQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id with certain parameters.
pub(crate) struct Argon {
    hasher: Argon2<'static>,
    dummy_hash: &'static str,
    recent: RecentSecrets,
}

impl Argon {
    /// Creates the Argon2id of the service.
    pub(crate) fn new() -> Self {
        Self::with(MEMORY_KIB, PASSES, DUMMY_HASH)
    }

    /// Creates one for tests that are not about Argon2id: it is fast and protects nothing.
    #[cfg(test)]
    pub(crate) fn fast() -> Self {
        Self::with(8, 1, "$argon2id$v=19$m=8,t=1,p=1$bm9ib2R5IGF0IGFsbCA6KQ$AAAAAAAAAAAAAAAAAAAAAA")
    }

    fn with(memory_kib: u32, passes: u32, dummy_hash: &'static str) -> Self {
        let params = Params::new(memory_kib, passes, LANES, None).unwrap_or_default();
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Self { hasher, dummy_hash, recent: RecentSecrets::new(&random::<2>().concat()) }
    }

    /// Returns the hash of a secret: a PHC string with a salt of its own.
    pub(crate) fn hash(&self, secret: &str) -> String {
        let hashed: Result<PasswordHash, _> = self.hasher.hash_password_with_salt(secret.as_bytes(), &random::<1>()[0]);
        // Hashing cannot fail with constant parameters and a salt of 16 bytes. An empty hash would
        // match no secret.
        hashed.map(|hash| hash.to_string()).unwrap_or_default()
    }
}

impl Secrets for Argon {
    fn verify(&self, stored: Option<&str>, secret: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(stored.unwrap_or(self.dummy_hash)) else { return false };
        // Compares in constant time.
        self.hasher.verify_password(secret.as_bytes(), &parsed).is_ok() && stored.is_some()
    }

    fn remember(&self, hash: &str, secret: &str, network: &str, now: Timestamp) {
        self.recent.remember([hash, secret, network], now);
    }

    fn is_remembered(&self, hash: &str, secret: &str, network: &str, now: Timestamp) -> bool {
        self.recent.contains([hash, secret, network], now)
    }
}

/// Returns a new secret of 244 random bits.
pub(crate) fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<2>().concat())
}

/// Returns random bytes, 122 random bits in each 16 of them.
fn random<const N: usize>() -> [[u8; 16]; N] {
    std::array::from_fn(|_| Uuid::new_v4().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_verified_by_its_hash() {
        let argon = Argon::new();
        let hash = argon.hash("a secret");
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
        assert_ne!(hash, argon.hash("a secret"), "each has its own salt");
        assert!(argon.verify(Some(&hash), "a secret"));
        for (stored, secret) in
            [(Some(hash.as_str()), "A secret"), (Some(""), ""), (Some("plain"), "plain"), (None, "")]
        {
            assert!(!argon.verify(stored, secret), "{secret}");
        }
    }

    #[test]
    fn the_dummy_hash_costs_as_much_as_a_real_one() {
        let dummy = PasswordHash::new(DUMMY_HASH).expect("a hash");
        let argon = Argon::new();
        let real = argon.hash("a secret");
        let real = PasswordHash::new(&real).expect("a hash");
        assert_eq!((dummy.algorithm, dummy.version, &dummy.params), (real.algorithm, real.version, &real.params));
        let length = |hash: &PasswordHash| hash.hash.as_ref().map(|output| output.as_bytes().len());
        assert_eq!(length(&dummy), length(&real));
        assert!(dummy.salt.is_some() && argon.hasher.verify_password(b"", &dummy).is_err());
    }

    #[test]
    fn new_secrets_are_long_and_unique() {
        let (one, other) = (new_secret(), new_secret());
        assert!(one.len() >= 42 && one != other);
    }
}
