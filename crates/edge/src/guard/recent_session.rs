//! The session that was admitted last, for routes that are called for every message.
//!
//! The bridge calls with one session, once per message. Looking the session up each time would cost
//! one round trip per message. So an instance looks it up once a second, and a revocation takes
//! effect that much later on these routes.

use connectivity_domain::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a session that was admitted is admitted again without a lookup.
const LIFETIME: Duration = Duration::from_secs(1);

/// One session, and when it was looked up. An instance keeps it.
#[derive(Default)]
pub(super) struct RecentSession(Mutex<Option<(String, Timestamp)>>);

impl RecentSession {
    /// Returns whether this session was admitted less than a second ago.
    pub(super) fn contains(&self, session: &str, now: Timestamp) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After the clock was set back, the session is looked up again.
        held.as_ref().is_some_and(|(held, at)| held == session && *at <= now && now < at.plus(LIFETIME))
    }

    /// Remembers that this session was looked up at that time and admitted.
    pub(super) fn remember(&self, session: &str, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((session.to_owned(), at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_remembered_for_a_second() {
        let (recent, at) = (RecentSession::default(), Timestamp::from_micros(5_000_000));
        assert!(!recent.contains("a", at));
        recent.remember("a", at);
        let contains = |session, milliseconds: i64| {
            recent.contains(session, Timestamp::from_micros(5_000_000 + milliseconds * 1_000))
        };
        assert!(contains("a", 0) && contains("a", 999));
        assert!(!contains("a", 1_000) && !contains("b", 0) && !contains("a", -1));
        recent.remember("b", at);
        assert!(contains("b", 0) && !contains("a", 0));
    }
}
