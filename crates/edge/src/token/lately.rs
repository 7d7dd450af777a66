//! The tokens that this instance has verified lately, so that a signature is verified once and not for
//! every request.
//!
//! Tokens are found by their digest; they themselves are not kept. What may change is not cached: the
//! times of a token are checked at each use, and whether its session is revoked is asked by the guard.

use super::caller::Verified;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many tokens each of the two generations holds. An entry takes less than a kilobyte.
const GENERATION: usize = 512;

/// The verified tokens. An instance keeps them.
#[derive(Default)]
pub(super) struct Lately(Mutex<Generations>);

/// When the young generation is full it becomes the old one, and the tokens of the old one that were
/// not used since are forgotten.
#[derive(Default)]
struct Generations {
    young: HashMap<String, Entry>,
    old: HashMap<String, Entry>,
}

/// A verified token, and the version of the keys that verified it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) verified: Verified,
    pub(super) keys: u64,
}

impl Lately {
    /// Returns the token with this digest.
    pub(super) fn find(&self, digest: &str) -> Option<Entry> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = held.young.get(digest) {
            return Some(entry.clone());
        }
        let entry = held.old.remove(digest)?;
        held.insert(digest.to_owned(), entry.clone());
        Some(entry)
    }

    /// Adds a token.
    pub(super) fn insert(&self, digest: String, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, entry);
    }
}

impl Generations {
    fn insert(&mut self, digest: String, entry: Entry) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::claims::Claims;
    use connectivity_domain::time::Timestamp;
    use serde_json::json;

    fn entry(keys: u64) -> Entry {
        let claims =
            json!({"iss": "i", "aud": "a", "sub": "s", "jti": "t", "exp": 1, "token_type": "access", "scope": ""});
        let claims = Claims::new(claims.as_object().expect("an object").clone());
        let verified = claims.of_own("i", "a", Timestamp::from_micros(0)).expect("a token");
        Entry { verified, keys }
    }

    fn size(lately: &Lately) -> usize {
        let held = lately.0.lock().expect("the tokens");
        held.young.len() + held.old.len()
    }

    #[test]
    fn token_is_found_by_its_digest_with_the_version_of_its_keys() {
        let lately = Lately::default();
        assert!(lately.find("a").is_none());
        lately.insert("a".into(), entry(1));
        lately.insert("a".into(), entry(2));
        assert_eq!(lately.find("a").map(|found| found.keys), Some(2));
        assert!(lately.find("b").is_none());
    }

    #[test]
    fn number_of_tokens_is_bounded_and_those_in_use_are_kept() {
        let lately = Lately::default();
        lately.insert("used".into(), entry(0));
        for number in 0..10 * GENERATION {
            lately.insert(number.to_string(), entry(0));
            if number % 100 == 0 {
                assert!(lately.find("used").is_some(), "after {number} others");
            }
            assert!(size(&lately) <= 2 * GENERATION);
        }
        assert!(lately.find("0").is_none());
    }
}
