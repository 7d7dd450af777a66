//! What all instances share for a while: small values, counters, revoked sessions and metric
//! counts. It is Redis, or a table of the host's SQLite.
//!
//! The cache is never the source of truth. While it is down, answers are slower or less strict
//! about rate limits, but not wrong.

mod embedded;
mod error;
mod guard;
mod keys;
mod redis;
mod revocation;
mod script;
mod settings;

pub use error::CacheDown;
pub use guard::{GuardAnswer, GuardQuery, RateLimitHit};
pub use revocation::Revocation;
pub use settings::CacheSettings;

use crate::database::{Database, DatabaseSettings};
use connectivity_domain::time::Timestamp;
use connectivity_runtime::deadline::timeout;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::metrics::Batch;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How long one call of the cache may take. A cache that does not answer within milliseconds is not
/// worth waiting for.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a cache that failed is not called, so that a hanging one does not slow every request.
const PAUSE: Duration = Duration::from_secs(1);

/// The cache. A component keeps it in a static: it holds a connection, never a request's data.
pub struct Cache {
    backend: Backend,
    paused_until: AtomicI64,
}

enum Backend {
    Redis(redis::Server),
    Embedded(Box<Database>),
}

impl Cache {
    /// Creates the cache that the settings name. Nothing is connected yet.
    pub fn new(settings: &CacheSettings) -> Self {
        let backend = match settings {
            CacheSettings::Redis { address } => Backend::Redis(redis::Server::new(address.clone())),
            CacheSettings::Embedded => Backend::Embedded(Box::new(Database::new(&DatabaseSettings::Embedded))),
        };
        Self { backend, paused_until: AtomicI64::new(i64::MIN) }
    }

    /// Returns the value of a key.
    pub async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, CacheDown> {
        self.call(now, async {
            match &self.backend {
                Backend::Redis(server) => server.get(key).await,
                Backend::Embedded(database) => embedded::get(database, key, now).await,
            }
        })
        .await
    }

    /// Stores a value for a time.
    pub async fn put(&self, key: &str, value: &str, lifetime: Duration, now: Timestamp) -> Result<(), CacheDown> {
        self.call(now, async {
            match &self.backend {
                Backend::Redis(server) => server.put(key, value, lifetime).await,
                Backend::Embedded(database) => embedded::put(database, key, value, lifetime, now).await,
            }
        })
        .await
    }

    /// Stores a value only if the present one is `old` (`None`: the key is absent). Returns whether
    /// it was stored.
    pub async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        self.call(now, async {
            match &self.backend {
                Backend::Redis(server) => server.compare_and_set(key, old, new, lifetime).await,
                Backend::Embedded(database) => embedded::compare_and_set(database, key, old, new, lifetime, now).await,
            }
        })
        .await
    }

    /// Answers a guard query in one round trip, atomically. A query that failed is not repeated, so
    /// that a call is never taken twice. An empty query is answered without a round trip.
    pub async fn guard(&self, query: &GuardQuery<'_>, now: Timestamp) -> Result<GuardAnswer, CacheDown> {
        if query.session.is_none() && query.hit.is_none() {
            return Ok(GuardAnswer::Taken(0));
        }
        match &self.backend {
            Backend::Redis(server) => self.call(now, server.guard(query)).await,
            // It has the database's own timeout: callers who wait are counted, and cannot slip
            // through.
            Backend::Embedded(database) => embedded::guard(database, query, now).await,
        }
    }

    /// Adds revocations. The embedded cache needs none: it reads the table `sessions` itself.
    pub async fn put_revocations(&self, revocations: &[Revocation], now: Timestamp) -> Result<(), CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.call(now, server.put_revocations(None, revocations, now)).await.map(|_| ()),
            Backend::Embedded(_) => Ok(()),
        }
    }

    /// Adds revocations and marks the cache as complete for a minute, if `load` still holds the
    /// lock that [`GuardAnswer::Unknown`] handed out. A cache that was emptied meanwhile is not
    /// marked. Returns whether it was marked.
    pub async fn complete_revocations(
        &self,
        load: &str,
        revocations: &[Revocation],
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.call(now, server.put_revocations(Some(load), revocations, now)).await,
            Backend::Embedded(_) => Ok(true),
        }
    }

    /// Adds a batch of metric counts, unless it was added before.
    pub async fn add_counts(&self, batch: &Batch, now: Timestamp) -> Result<(), CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.call(now, server.add_counts(batch)).await,
            // It has the database's own timeout: no request waits for it.
            Backend::Embedded(database) => embedded::add_counts(database, batch, now).await,
        }
    }

    /// Returns the metric counters by their names, summed over all instances.
    pub async fn counts(&self, now: Timestamp) -> Result<Vec<(String, u64)>, CacheDown> {
        self.call(now, async {
            match &self.backend {
                Backend::Redis(server) => server.counts().await,
                Backend::Embedded(database) => embedded::counts(database).await,
            }
        })
        .await
    }

    /// Returns whether the cache is a table of the host's own SQLite.
    pub fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Embedded(_))
    }

    async fn call<T>(
        &self,
        now: Timestamp,
        work: impl Future<Output = Result<T, CacheDown>> + Send,
    ) -> Result<T, CacheDown> {
        if now.as_micros() < self.paused_until.load(Ordering::Relaxed) {
            return Err(CacheDown("not called: it failed less than a second ago".into()));
        }
        let answer = timeout(CALL_TIMEOUT, work).await;
        let answer = answer.unwrap_or_else(|| Err(CacheDown("no answer in time".into())));
        if let Err(CacheDown(cause)) = &answer {
            self.paused_until.store(now.plus(PAUSE).as_micros(), Ordering::Relaxed);
            log::line(Level::Warn, "cache", &[("cause", cause.as_str().into())]);
        }
        answer
    }
}
