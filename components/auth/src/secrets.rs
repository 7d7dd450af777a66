//! Secrets of service accounts: made at random, kept as Argon2id (RFC 9106).

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connectivity_domain::access::Secrets;
use uuid::Uuid;

/// The parameters that OWASP's password storage cheat sheet names as equally strong, the one with the least memory: an
/// instance never gives memory back.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;

/// What a secret is compared with when there is no account: under the same parameters, so it takes as long. It was made of
/// no secret at all. Making one for each instance would cost each of them the memory of a hash, whether anybody logs in or not.
const NOBODY: &str = "$argon2id$v=19$m=7168,t=5,p=1$bm9ib2R5IGF0IGFsbCA6KQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id under these parameters.
pub(crate) struct Argon(Argon2<'static>);

impl Argon {
    pub(crate) fn new() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        Self(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// What is kept of a secret: a PHC string with a salt of its own.
    pub(crate) fn hash(&self, secret: &str) -> String {
        hash(&self.0, secret)
    }
}

impl Secrets for Argon {
    fn verify(&self, stored: Option<&str>, secret: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(stored.unwrap_or(NOBODY)) else { return false };
        // Compares in constant time.
        self.0.verify_password(secret.as_bytes(), &parsed).is_ok() && stored.is_some()
    }
}

fn hash(argon: &Argon2<'_>, secret: &str) -> String {
    let hashed: Result<PasswordHash, _> = argon.hash_password_with_salt(secret.as_bytes(), &random::<1>()[0]);
    // The parameters are constants and the salt has 16 bytes: there is nothing left to fail. An empty hash matches nothing.
    hashed.map(|hash| hash.to_string()).unwrap_or_default()
}

/// A new secret: 244 random bits.
pub(crate) fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<2>().concat())
}

/// Random bytes, 122 bits in each 16 of them.
fn random<const N: usize>() -> [[u8; 16]; N] {
    std::array::from_fn(|_| Uuid::new_v4().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_alone() {
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
    fn nobody_is_checked_as_everybody_is() {
        let nobody = PasswordHash::new(NOBODY).expect("a hash");
        let argon = Argon::new();
        let somebody = argon.hash("a secret");
        let somebody = PasswordHash::new(&somebody).expect("a hash");
        assert_eq!(
            (nobody.algorithm, nobody.version, &nobody.params),
            (somebody.algorithm, somebody.version, &somebody.params)
        );
        let length = |hash: &PasswordHash| hash.hash.as_ref().map(|output| output.as_bytes().len());
        assert_eq!(length(&nobody), length(&somebody));
        assert!(nobody.salt.is_some() && argon.0.verify_password(b"", &nobody).is_err());
    }

    #[test]
    fn new_secrets_are_long_and_differ() {
        let (one, other) = (new_secret(), new_secret());
        assert!(one.len() >= 42 && one != other);
    }
}
