//! Secrets that were found to be wrong, so that a client that repeats one is not counted as somebody
//! who guesses.
//!
//! What is kept is a part of a digest whose key is the stored hash. Without the hash it says nothing
//! about a secret, and with it no more than whether a guess may be the same wrong secret.

use super::DUMMY_HASH;
use connectivity_domain::access::{FAILED_LOGINS_MEMORY, Tried};
use jsonwebtoken::{Algorithm, EncodingKey};
use std::time::Duration;

/// How long they are kept after the last new one: longer than the attempt that found it is counted.
pub(crate) const KEPT: Duration = FAILED_LOGINS_MEMORY.saturating_mul(2);

/// How many are kept for an account and a network.
const MOST: usize = 8;

/// The length of a digest: 48 bits in base64.
const LENGTH: usize = 8;

/// Returns the digest of what was tried.
pub(crate) fn digest(tried: Tried<'_>) -> String {
    let key = EncodingKey::from_secret(tried.hash.unwrap_or(DUMMY_HASH).as_bytes());
    // The lengths make the text unambiguous.
    let spellings = tried.spellings.iter().map(|spelling| format!("{}:{spelling}", spelling.len()));
    let text = spellings.collect::<Vec<_>>().concat();
    let digest = jsonwebtoken::crypto::sign(text.as_bytes(), &key, Algorithm::HS256).unwrap_or_default();
    digest.chars().take(LENGTH).collect()
}

/// Returns whether a digest is one of those that are kept.
pub(crate) fn contains(kept: &str, digest: &str) -> bool {
    digest.len() == LENGTH && kept.split(' ').any(|it| it == digest)
}

/// Adds a digest to those that are kept, and drops the oldest ones beyond [`MOST`].
pub(crate) fn add(kept: &str, digest: &str) -> String {
    let newest_first = [digest].into_iter().chain(kept.split(' ').filter(|it| !it.is_empty() && *it != digest));
    newest_first.take(MOST).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_hash_and_all_spellings() {
        let of = |hash: Option<&str>, spellings: &[&str]| digest(Tried { key: "a@b", hash, spellings });
        let one = of(Some("hash"), &["secret", "s%65cret"]);
        assert_eq!((one.len(), &one), (LENGTH, &of(Some("hash"), &["secret", "s%65cret"])));
        for other in [
            of(Some("hash2"), &["secret", "s%65cret"]),
            of(None, &["secret", "s%65cret"]),
            of(Some("hash"), &["secret"]),
            of(Some("hash"), &["secrets", "%65cret"]),
        ] {
            assert_ne!(one, other);
        }
        assert!(!one.contains("secret"));
    }

    #[test]
    fn the_newest_digests_are_kept() {
        let names: Vec<_> = (0..=MOST).map(|number| format!("digest-{number}")).collect();
        let kept = names.iter().fold(String::new(), |kept, name| add(&kept, name));
        assert!(!contains(&kept, &names[0]) && names[1..].iter().all(|name| contains(&kept, name)), "{kept}");
        assert_eq!(add(&kept, &names[MOST]), kept, "one that is kept already");
        assert!(!contains("", "") && !contains(" ", ""), "a digest that failed is never found");
    }
}
