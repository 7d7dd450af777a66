//! What all instances share for a while: counters, small values. Redis, or a table of the embedded database.
//!
//! Nothing here is the truth about anything: a cache that is down costs comfort, never correctness.

mod embedded;
mod redis;
mod script;
mod visit;

pub use visit::{Seen, Session, Take, Visit};

use crate::database::Database;
use crate::guard::Revocation;
use crate::log::{self, Level};
use crate::metrics::Batch;
use crate::runtime;
use crate::settings::CacheSettings;
use connectivity_domain::time::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How long one question to the cache may take. It answers in under a millisecond or it is not worth waiting for.
const DEADLINE: Duration = Duration::from_millis(500);

/// How long a cache that failed is left alone, so that a hanging one does not slow every request.
const PAUSE: Duration = Duration::from_secs(1);

/// The cache did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cache cannot be reached: {0}")]
pub struct CacheDown(pub String);

/// The cache. It lives in a static of the component and holds a connection, never a request's data.
pub struct Cache {
    backend: Backend,
    paused_until: AtomicI64,
}

enum Backend {
    Redis(redis::Server),
    Embedded(Box<Database>),
}

impl Cache {
    /// The cache that the settings name. Nothing is connected yet.
    pub fn new(settings: &CacheSettings) -> Self {
        let backend = match settings {
            CacheSettings::Redis { address } => Backend::Redis(redis::Server::new(address.clone())),
            CacheSettings::Embedded => {
                Backend::Embedded(Box::new(Database::new(&crate::settings::DatabaseSettings::Embedded)))
            }
        };
        Self { backend, paused_until: AtomicI64::new(i64::MIN) }
    }

    /// The value under a key.
    pub async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, CacheDown> {
        self.ask(now, async {
            match &self.backend {
                Backend::Redis(server) => server.get(key).await,
                Backend::Embedded(database) => embedded::get(database, key, now).await,
            }
        })
        .await
    }

    /// Stores a value for a time.
    pub async fn put(&self, key: &str, value: &str, keep: Duration, now: Timestamp) -> Result<(), CacheDown> {
        self.ask(now, async {
            match &self.backend {
                Backend::Redis(server) => server.put(key, value, keep).await,
                Backend::Embedded(database) => embedded::put(database, key, value, keep, now).await,
            }
        })
        .await
    }

    /// Stores a value only if the present one is `old` (`None`: there is none). Tells whether it did.
    pub async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        keep: Duration,
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        self.ask(now, async {
            match &self.backend {
                Backend::Redis(server) => server.compare_and_set(key, old, new, keep).await,
                Backend::Embedded(database) => embedded::compare_and_set(database, key, old, new, keep, now).await,
            }
        })
        .await
    }

    /// Counts one up and tells the new count; the counter is gone `keep` after its first count.
    pub async fn count(&self, key: &str, keep: Duration, now: Timestamp) -> Result<u64, CacheDown> {
        self.ask(now, async {
            match &self.backend {
                Backend::Redis(server) => server.count(key, keep).await,
                Backend::Embedded(database) => embedded::count(database, key, keep, now).await,
            }
        })
        .await
    }

    /// Lets the cache see a request: is its session revoked, how many calls has its caller taken, and count it.
    ///
    /// Everything happens together or not at all, and once: a question that went wrong is not repeated.
    pub async fn visit(&self, visit: &Visit<'_>, now: Timestamp) -> Result<Seen, CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.ask(now, server.visit(visit)).await,
            // It is the database, and has the database's patience: whoever waits is counted, and may not slip through.
            Backend::Embedded(database) => embedded::visit(database, visit, now).await,
        }
    }

    /// Notes that these sessions have been revoked. The embedded cache need not: it sees them where they are.
    pub async fn put_revocations(&self, revocations: &[Revocation], now: Timestamp) -> Result<(), CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.ask(now, server.put_revocations(None, revocations, now)).await.map(|_| ()),
            Backend::Embedded(_) => Ok(()),
        }
    }

    /// Notes that these sessions have been revoked and no others, for a minute, if `load` is still whose task it is: a
    /// cache that was emptied meanwhile does not take half for the whole. Tells whether it did.
    pub async fn complete_revocations(
        &self,
        load: &str,
        revocations: &[Revocation],
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.ask(now, server.put_revocations(Some(load), revocations, now)).await,
            Backend::Embedded(_) => Ok(true),
        }
    }

    /// Adds a batch of counts, unless it is there already.
    pub async fn add_counts(&self, batch: &Batch, now: Timestamp) -> Result<(), CacheDown> {
        match &self.backend {
            Backend::Redis(server) => self.ask(now, server.add_counts(batch)).await,
            // With the database's patience: nobody waits for it.
            Backend::Embedded(database) => embedded::add_counts(database, batch, now).await,
        }
    }

    /// The counters of [`crate::metrics`] by their names, those of all instances together.
    pub async fn counts(&self, now: Timestamp) -> Result<Vec<(String, u64)>, CacheDown> {
        self.ask(now, async {
            match &self.backend {
                Backend::Redis(server) => server.counts().await,
                Backend::Embedded(database) => embedded::counts(database).await,
            }
        })
        .await
    }

    /// Is it a table of the embedded database?
    pub fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Embedded(_))
    }

    async fn ask<T>(
        &self,
        now: Timestamp,
        question: impl Future<Output = Result<T, CacheDown>> + Send,
    ) -> Result<T, CacheDown> {
        if now.as_micros() < self.paused_until.load(Ordering::Relaxed) {
            return Err(CacheDown("left alone after a failure".into()));
        }
        let answer = runtime::deadline::timeout(DEADLINE, question).await;
        let answer = answer.unwrap_or_else(|| Err(CacheDown("no answer in time".into())));
        if let Err(CacheDown(cause)) = &answer {
            self.paused_until.store(now.plus(PAUSE).as_micros(), Ordering::Relaxed);
            log::line(Level::Warn, "cache", &[("cause", cause.as_str().into())]);
        }
        answer
    }
}
