//! The revoked sessions.
//!
//! The table `sessions` is the source of truth. Redis has a copy of the revocations that still
//! matter, and a marker that says that the copy is complete, which is valid for a minute. Without
//! the marker (it has expired, or Redis was emptied or replaced) the next request is decided by the
//! database, and one of the requests that come then loads the copy again.

use super::store;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::log::{self, Level};
use connectivity_storage::cache::{Cache, Revocation};
use connectivity_storage::database::{Database, DatabaseError};
use std::sync::Arc;

/// The most revocations that are copied. While there are more, each session is looked up in the
/// database, which costs one read of a primary key.
const MAX_COPIED: usize = 10_000;

/// The revoked sessions. An instance keeps them: they hold connections, never a request's data.
pub struct Revocations {
    cache: Arc<Cache>,
    database: Arc<Database>,
}

impl Revocations {
    pub(super) fn new(cache: Arc<Cache>, database: Arc<Database>) -> Self {
        Self { cache, database }
    }

    /// Adds revocations to the cache's copy. Call it after they were committed to the database.
    ///
    /// A cache that cannot be reached is not an error: its copy is loaded again within a minute.
    pub async fn revoked(&self, revocations: &[Revocation], now: Timestamp) {
        for chunk in revocations.chunks(MAX_COPIED) {
            // The cache has logged the cause.
            let _ = self.cache.put_revocations(chunk, now).await;
        }
    }

    /// Returns whether the database says that this session is revoked.
    ///
    /// # Errors
    ///
    /// The database failed, which it has logged.
    pub async fn is_revoked(&self, session: &str) -> Result<bool, DatabaseError> {
        store::is_revoked(&self.database, session).await
    }

    /// Returns whether the database must be asked before the cache. The embedded cache looks
    /// sessions up in its own SQLite, which has none if the records are in MySQL.
    pub(super) fn are_elsewhere(&self) -> bool {
        self.cache.is_embedded() && !self.database.is_embedded()
    }

    /// Returns whether this session is revoked. If this request has the lock `load`, it loads the
    /// cache's copy too.
    pub(super) async fn load(&self, session: &str, load: Option<&str>, now: Timestamp) -> Result<bool, DatabaseError> {
        let Some(load) = load else {
            return self.is_revoked(session).await;
        };
        let revocations = store::revocations(&self.database, now, MAX_COPIED + 1).await?;
        if revocations.len() > MAX_COPIED {
            let fields = [("limit", MAX_COPIED.into())];
            log::line(Level::Warn, "too many revoked sessions to copy to the cache", &fields);
            return self.is_revoked(session).await;
        }
        // The cache has logged its failure, and without the marker the next request loads again.
        let _ = self.cache.complete_revocations(load, &revocations, now).await;
        Ok(revocations.iter().any(|revocation| revocation.session == session))
    }
}
