//! Sessions that ended before their tokens did.
//!
//! The table `sessions` is the truth. Redis has a copy of what still matters, for a minute at a time: a marker in it
//! says "every revocation is here". Where there is no marker (the minute is over, Redis was emptied or is a new one),
//! the next request is decided by the database, and one of those that come then brings the copy back.

use super::store;
use crate::cache::{Cache, CacheDown, Revocation};
use crate::database::{Database, DatabaseError};
use crate::log::{self, Level};
use connectivity_domain::time::Timestamp;
use std::sync::Arc;

/// How many revocations are copied at most. While there are more, each session is looked up in the database: slower by
/// one read of a primary key, and as right.
const COPIED: usize = 10_000;

/// Expired sessions are copied for as long as [`Revocation::LEEWAY`] keeps them.
const LEEWAY_MICROS: i64 = 10_000_000;

/// Which sessions have been revoked. Held by an instance; no request's data.
pub struct Revocations {
    cache: Arc<Cache>,
    database: Arc<Database>,
}

impl Revocations {
    pub(super) fn new(cache: Arc<Cache>, database: Arc<Database>) -> Self {
        Self { cache, database }
    }

    /// Tells the cache what the database knows already: call it after the revocations were committed.
    ///
    /// A cache that does not hear of it is no error. What it knows, it knows for a minute; then it is read again from
    /// the database, with these revocations in it.
    pub async fn revoked(&self, revocations: &[Revocation], now: Timestamp) {
        for some in revocations.chunks(COPIED) {
            // The cache has logged what went wrong, and the marker's end repairs it.
            let _ = self.cache.put_revocations(some, now).await;
        }
    }

    /// Has this session been revoked? By the database.
    ///
    /// # Errors
    ///
    /// Of the database, which has logged it.
    pub async fn is_revoked(&self, session: &str) -> Result<bool, DatabaseError> {
        store::is_revoked(&self.database, session).await
    }

    /// Must the database be asked before the cache? The embedded cache is in SQLite: it sees the sessions that are
    /// there too, but not those in MySQL.
    pub(super) fn are_elsewhere(&self) -> bool {
        self.cache.is_embedded() && !self.database.is_embedded()
    }

    /// Has this session been revoked, and if it is this caller's to bring them (`load`), which others have? The cache
    /// has them all then.
    pub(super) async fn load(&self, session: &str, load: Option<&str>, now: Timestamp) -> Result<bool, DatabaseError> {
        let Some(load) = load else {
            return self.is_revoked(session).await;
        };
        let since = Timestamp::from_micros(now.as_micros().saturating_sub(LEEWAY_MICROS));
        let revocations = store::revoked(&self.database, since, COPIED + 1).await?;
        if revocations.len() > COPIED {
            log::line(Level::Warn, "more revoked sessions than are copied to the cache", &[("most", COPIED.into())]);
            return self.is_revoked(session).await;
        }
        match self.cache.complete_revocations(load, &revocations, now).await {
            Ok(_) | Err(CacheDown(_)) => {}
        }
        Ok(revocations.iter().any(|revocation| revocation.session == session))
    }
}
