//! The secrets that were found to be right a moment ago, so that a client that introspects many
//! tokens costs one hash a minute.

use connectivity_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a secret is remembered after it was compared.
const LIFETIME: Duration = Duration::from_mins(1);

/// The most secrets that are remembered.
const MAX_REMEMBERED: usize = 64;

/// Keyed digests of secrets. An instance keeps them: they reveal no secret without the key, which is
/// random and never leaves the instance.
///
/// A digest covers the stored hash, so a secret that was replaced is not found, and the network that
/// the secret came from, so that nobody can try secrets from elsewhere without being counted.
pub(super) struct RecentSecrets {
    key: EncodingKey,
    remembered: Mutex<VecDeque<(String, Timestamp)>>,
}

impl RecentSecrets {
    pub(super) fn new(key: &[u8]) -> Self {
        Self { key: EncodingKey::from_secret(key), remembered: Mutex::default() }
    }

    pub(super) fn remember(&self, parts: [&str; 3], now: Timestamp) {
        let Some(digest) = self.digest(parts) else { return };
        let mut remembered = self.remembered();
        remembered.retain(|(held, at)| *held != digest && is_recent(*at, now));
        if remembered.len() >= MAX_REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back((digest, now));
    }

    pub(super) fn contains(&self, parts: [&str; 3], now: Timestamp) -> bool {
        // The time of this comparison of digests reveals nothing: nobody can choose a digest.
        self.digest(parts)
            .is_some_and(|digest| self.remembered().iter().any(|(held, at)| *held == digest && is_recent(*at, now)))
    }

    fn digest(&self, parts: [&str; 3]) -> Option<String> {
        // The lengths make the text unambiguous.
        let text = parts.map(|part| format!("{}:{part}", part.len())).concat();
        jsonwebtoken::crypto::sign(text.as_bytes(), &self.key, Algorithm::HS256).ok()
    }

    fn remembered(&self) -> MutexGuard<'_, VecDeque<(String, Timestamp)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After the clock was set back, a secret is compared again.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now < at.plus(LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
    const PARTS: [&str; 3] = ["hash", "secret", "network"];

    #[test]
    fn a_secret_is_remembered_for_a_minute() {
        let recent = RecentSecrets::new(b"key");
        assert!(!recent.contains(PARTS, NOW));
        recent.remember(PARTS, NOW);
        for other in [["hash2", "secret", "network"], ["hash", "Secret", "network"], ["hash", "secret", "network2"]] {
            assert!(!recent.contains(other, NOW), "{other:?}");
        }
        let at = |seconds: i64| Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000);
        assert!(recent.contains(PARTS, NOW) && recent.contains(PARTS, at(59)));
        assert!(!recent.contains(PARTS, at(60)) && !recent.contains(PARTS, at(-1)));
        assert!(!RecentSecrets::new(b"other key").contains(PARTS, NOW));
    }

    #[test]
    fn the_oldest_secret_is_forgotten_for_a_new_one() {
        let recent = RecentSecrets::new(b"key");
        let names: Vec<_> = (0..=MAX_REMEMBERED).map(|number| number.to_string()).collect();
        for name in &names {
            recent.remember(["hash", name, "network"], NOW);
        }
        let contains = |name: &str| recent.contains(["hash", name, "network"], NOW);
        assert!(!contains("0") && names[1..].iter().all(|name| contains(name)));
        assert_eq!(recent.remembered().len(), MAX_REMEMBERED);
        assert!(recent.remembered().iter().all(|(digest, _)| !digest.contains("hash")));
    }
}
