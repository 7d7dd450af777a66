//! The state that one instance keeps between requests: its connections.

use crate::metrics::OutboxDepth;
use crate::probe::{HealthProbe, ProbeResult};
use crate::recent::Recent;
use crate::store;
use connectivity_domain::breaker::{BreakerState, Condition, Policy, cache_key};
use connectivity_edge::config_state::{self, Report};
use connectivity_edge::cors::Cors;
use connectivity_edge::instance;
use connectivity_runtime as runtime;
use connectivity_runtime::log;
use connectivity_runtime::settings::{Invalid, Reader, log_level};
use connectivity_storage::cache::{Cache, CacheSettings, CacheState};
use connectivity_storage::database::{Database, DatabaseError, DatabaseSettings};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long a check may take: a kubelet waits three seconds for a probe. A statement that takes
/// longer runs to its end: see [`runtime::deadline::timeout_detached`].
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

static INSTANCE: OnceLock<Instance> = OnceLock::new();

pub(crate) struct Instance {
    database: Arc<Database>,
    cache: Arc<Cache>,
    cors: Option<Cors>,
    /// The names of the registry plugins, whose circuit breakers are shown.
    plugins: Vec<String>,
    last_database: Recent<ProbeResult>,
    last_cache: Recent<(ProbeResult, Option<Condition>)>,
}

struct Settings {
    database: DatabaseSettings,
    cache: CacheSettings,
    cors: Option<Cors>,
    plugins: Vec<String>,
}

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Instance> {
    let make = |Settings { database, cache, cors, plugins }| Instance {
        database: Arc::new(Database::new(&database)),
        cache: Arc::new(Cache::new(&cache)),
        cors,
        plugins,
        last_database: Recent::default(),
        last_cache: Recent::default(),
    };
    instance::get(&INSTANCE, settings(), make).await
}

impl Instance {
    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    pub(crate) fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }
}

async fn settings() -> Result<Settings, Invalid> {
    let own = ["log_level", "registry_plugins", "cors_allowed_origins"];
    let names: Vec<_> = own.into_iter().chain(DatabaseSettings::NAMES).chain(CacheSettings::NAMES).collect();
    let mut reader = Reader::from_host(&names).await;
    let settings = Settings {
        database: DatabaseSettings::read(&mut reader),
        cache: CacheSettings::read(&mut reader),
        cors: Cors::read(&mut reader),
        plugins: reader.text("registry_plugins").split_whitespace().map(str::to_owned).collect(),
    };
    log::set_threshold(log_level(&mut reader));
    reader.finish(settings)
}

/// Checks that records can be written. If not, whether they can be read.
async fn check_database(database: &Database) -> (&'static str, Option<String>) {
    match store::write(database, runtime::now()).await {
        Ok(()) => ("up", None),
        Err(error @ DatabaseError::OutdatedSchema { .. }) => ("outdated", Some(error.to_string())),
        Err(DatabaseError::Unavailable(_) | DatabaseError::Duplicate | DatabaseError::Refused(_)) => {
            match store::read(database).await {
                Ok(()) => ("unwritable", Some(UNWRITABLE.to_owned())),
                Err(_) => ("down", None),
            }
        }
    }
}

/// What an operator has to do if records can be read and not written.
const UNWRITABLE: &str = "the database answers but takes no records: check whether it is read-only, whether its disk \
    is full, and the privileges of its user";

impl Instance {
    async fn probe_database(&self) -> ProbeResult {
        let started = Instant::now();
        let database = Arc::clone(&self.database);
        let probe = runtime::deadline::timeout_detached(PROBE_TIMEOUT, async move { check_database(&database).await });
        let (status, reason) = probe.await.unwrap_or(("down", None));
        ProbeResult { status, reason, latency: started.elapsed() }
    }

    async fn probe_cache(&self) -> (ProbeResult, Option<Condition>) {
        let (started, now) = (Instant::now(), runtime::now());
        let mut breaker = Some(Condition::Closed);
        for plugin in &self.plugins {
            let held = self.cache.get(&cache_key(plugin), now).await.ok();
            let condition = held
                .map(|held| BreakerState::decode(held.as_deref().unwrap_or_default()).condition(now, &Policy::DEFAULT));
            breaker = breaker.zip(condition).map(|(one, other)| one.max(other));
        }
        let status = match self.cache.probe(now).await {
            CacheState::Up => "up",
            CacheState::Degraded => "degraded",
            CacheState::Down => "down",
        };
        (ProbeResult { status, reason: None, latency: started.elapsed() }, breaker)
    }
}

impl HealthProbe for &'static Instance {
    async fn database(&self) -> ProbeResult {
        self.last_database.get(self.probe_database()).await
    }

    async fn cache(&self) -> (ProbeResult, Option<Condition>) {
        self.last_cache.get(self.probe_cache()).await
    }

    async fn report(&self, component: &'static str) -> Report {
        runtime::deadline::timeout(PROBE_TIMEOUT, config_state::ask(component)).await.unwrap_or(Report::NONE)
    }

    async fn counts(&self) -> Option<Vec<(String, u64)>> {
        self.cache.counts().await.ok()
    }

    async fn outbox(&self) -> Option<OutboxDepth> {
        let (database, now) = (Arc::clone(&self.database), runtime::now());
        runtime::deadline::timeout_detached(PROBE_TIMEOUT, async move { store::outbox(&database, now).await })
            .await
            .flatten()
    }
}
