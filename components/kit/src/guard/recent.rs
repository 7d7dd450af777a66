//! The session that was let in last, for routes that are called for every message.
//!
//! The bridge calls with one session, as often as there are messages. To ask about it each time would be a round trip a
//! message for an answer that is known: so one instance asks once a second. A revocation holds that much later there.

use connectivity_domain::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a session that was let in is let in again without a question.
const FRESH: Duration = Duration::from_secs(1);

/// One session and when it was asked about. Held by an instance: whose turn it is, no request's data.
#[derive(Default)]
pub(super) struct Recent(Mutex<Option<(String, Timestamp)>>);

impl Recent {
    /// Was this session let in a moment ago?
    pub(super) fn knows(&self, session: &str, now: Timestamp) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes nothing fresh.
        held.as_ref().is_some_and(|(known, asked)| known == session && *asked <= now && now < asked.plus(FRESH))
    }

    /// The cache was asked at that time, and this session was let in.
    pub(super) fn note(&self, session: &str, asked: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((session.to_owned(), asked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_for_a_second_and_no_other_one_is() {
        let (recent, asked) = (Recent::default(), Timestamp::from_micros(5_000_000));
        assert!(!recent.knows("a", asked));
        recent.note("a", asked);
        let knows = |session, milliseconds: i64| {
            recent.knows(session, Timestamp::from_micros(5_000_000 + milliseconds * 1_000))
        };
        assert!(knows("a", 0) && knows("a", 999));
        assert!(!knows("a", 1_000) && !knows("b", 0) && !knows("a", -1));
        recent.note("b", asked);
        assert!(knows("b", 0) && !knows("a", 0));
    }
}
