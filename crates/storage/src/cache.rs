//! What all instances share for a while: small values, counters, revoked sessions and metric
//! counts. It is Redis, or a table of the host's SQLite.
//!
//! The cache is never the source of truth. While it is down, answers are slower or less strict
//! about rate limits, but not wrong.

mod embedded;
mod error;
mod guard;
mod keys;
mod pause;
mod redis;
mod revocation;
mod script;
mod settings;

pub use error::CacheDown;
pub use guard::{GuardAnswer, GuardQuery, RateLimitHit};
pub use keys::THROTTLE;
pub use revocation::Revocation;
pub use settings::CacheSettings;

use crate::database::{Database, DatabaseSettings};
use crate::recent_failures::RecentFailures;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::deadline::timeout;
use connectivity_runtime::instant;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::metrics::Batch;
use pause::Pause;
use std::time::Duration;

/// How long one call of the cache may take. A cache that does not answer within milliseconds is not
/// worth waiting for.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// The cache. A component keeps it in a static: it holds a connection, never a request's data.
pub struct Cache {
    backend: Backend,
    pause: Pause,
    failures: RecentFailures,
}

/// What a cache can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// Everything.
    Up,
    /// It answers, and refuses the guard's script: there are no rate limits.
    Degraded,
    /// It does not answer.
    Down,
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
        Self { backend, pause: Pause::default(), failures: RecentFailures::default() }
    }

    /// Returns the value of a key.
    pub async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, CacheDown> {
        self.call(async {
            match &self.backend {
                Backend::Redis(server) => server.get(key).await,
                Backend::Embedded(database) => embedded::get(database, key, now).await,
            }
        })
        .await
    }

    /// Stores a value for a time.
    pub async fn put(&self, key: &str, value: &str, lifetime: Duration, now: Timestamp) -> Result<(), CacheDown> {
        self.call(async {
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
        self.call(async {
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
            Backend::Redis(server) => self.call(server.guard(query)).await,
            // It has the database's own timeout: callers who wait are counted, and cannot slip
            // through.
            Backend::Embedded(database) => embedded::guard(database, query, now).await,
        }
    }

    /// Adds revocations. The embedded cache needs none: it reads the table `sessions` itself.
    pub async fn put_revocations(&self, revocations: &[Revocation], now: Timestamp) -> Result<(), CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.call(server.put_revocations(None, revocations, now)).await.map(|_| ()),
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
            Backend::Redis(server) => self.call(server.put_revocations(Some(load), revocations, now)).await,
            Backend::Embedded(_) => Ok(true),
        }
    }

    /// Adds a batch of metric counts, unless it was added before.
    pub async fn add_counts(&self, batch: &Batch, now: Timestamp) -> Result<(), CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.call(server.add_counts(batch)).await,
            // It has the database's own timeout: no request waits for it.
            Backend::Embedded(database) => embedded::add_counts(database, batch, now).await,
        }
    }

    /// Returns the metric counters by their names, summed over all instances.
    pub async fn counts(&self) -> Result<Vec<(String, u64)>, CacheDown> {
        self.call(async {
            match &self.backend {
                Backend::Redis(server) => server.counts().await,
                Backend::Embedded(database) => embedded::counts(database).await,
            }
        })
        .await
    }

    /// Reads a key, and runs the script of the guard with a counter of its own.
    pub async fn probe(&self, now: Timestamp) -> CacheState {
        // The read comes first: after a failure the cache is not called for a while.
        if self.get(keys::PROBE, now).await.is_err() {
            return CacheState::Down;
        }
        let hit =
            RateLimitHit { key: keys::PROBE.into(), window_left: keys::PROBE_LIFETIME, calls: 1, limit: u64::MAX };
        match self.guard(&GuardQuery { session: None, hit: Some(hit) }, now).await {
            Ok(_) => CacheState::Up,
            Err(_) => CacheState::Degraded,
        }
    }

    /// Returns whether the last calls of this instance have failed.
    pub fn is_failing(&self) -> bool {
        match &self.backend {
            Backend::Redis(_) => self.failures.is_failing(instant()),
            Backend::Embedded(database) => database.is_failing(),
        }
    }

    /// Returns whether the cache is a table of the host's own SQLite.
    pub fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Embedded(_))
    }

    async fn call<T>(&self, work: impl Future<Output = Result<T, CacheDown>> + Send) -> Result<T, CacheDown> {
        if self.pause.is_on(instant) {
            return Err(CacheDown("not called: it failed less than a second ago".into()));
        }
        let answer = timeout(CALL_TIMEOUT, work).await.unwrap_or_else(|| {
            if let Backend::Redis(server) = &self.backend {
                server.give_up_connection();
            }
            Err(CacheDown("no answer in time".into()))
        });
        match &answer {
            Ok(_) => self.failures.succeeded(),
            Err(CacheDown(cause)) => {
                let now = instant();
                self.pause.start(now);
                self.failures.failed(now);
                log::line(Level::Warn, "cache", &[("cause", cause.as_str().into())]);
            }
        }
        answer
    }
}
