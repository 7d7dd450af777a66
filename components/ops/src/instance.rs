//! The state that one instance keeps between requests: its connections.

use crate::metrics::OutboxDepth;
use crate::probe::{HealthProbe, ProbeResult};
use crate::store;
use connectivity_domain::breaker::{BreakerState, Condition, Policy, cache_key};
use connectivity_edge::config_state::{self, ConfigState};
use connectivity_edge::instance;
use connectivity_runtime as runtime;
use connectivity_runtime::log;
use connectivity_runtime::settings::{Invalid, Reader, log_level};
use connectivity_storage::cache::{Cache, CacheSettings};
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
    /// The names of the registry plugins, whose circuit breakers are shown.
    plugins: Vec<String>,
}

struct Settings {
    database: DatabaseSettings,
    cache: CacheSettings,
    plugins: Vec<String>,
}

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Instance> {
    let make = |Settings { database, cache, plugins }| Instance {
        database: Arc::new(Database::new(&database)),
        cache: Arc::new(Cache::new(&cache)),
        plugins,
    };
    instance::get(&INSTANCE, settings(), make).await
}

impl Instance {
    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }
}

async fn settings() -> Result<Settings, Invalid> {
    let own = ["log_level", "registry_plugins"];
    let names: Vec<_> = own.into_iter().chain(DatabaseSettings::NAMES).chain(CacheSettings::NAMES).collect();
    let mut reader = Reader::from_host(&names).await;
    let settings = Settings {
        database: DatabaseSettings::read(&mut reader),
        cache: CacheSettings::read(&mut reader),
        plugins: reader.text("registry_plugins").split_whitespace().map(str::to_owned).collect(),
    };
    log::set_threshold(log_level(&mut reader));
    reader.finish(settings)
}

impl HealthProbe for &'static Instance {
    async fn database(&self) -> ProbeResult {
        let started = Instant::now();
        let database = Arc::clone(&self.database);
        let probe = runtime::deadline::timeout_detached(PROBE_TIMEOUT, async move { store::probe(&database).await });
        let (status, reason) = match probe.await {
            Some(Ok(())) => ("up", None),
            Some(Err(error @ DatabaseError::OutdatedSchema { .. })) => ("outdated", Some(error.to_string())),
            Some(Err(DatabaseError::Unavailable(_) | DatabaseError::Duplicate | DatabaseError::Refused(_))) | None => {
                ("down", None)
            }
        };
        ProbeResult { status, reason, latency: started.elapsed() }
    }

    async fn cache(&self) -> (ProbeResult, Option<Condition>) {
        let (started, now) = (Instant::now(), runtime::now());
        let mut breaker = Some(Condition::Closed);
        for plugin in &self.plugins {
            let held = self.cache.get(&cache_key(plugin), now).await.ok();
            let condition = held
                .map(|held| BreakerState::decode(held.as_deref().unwrap_or_default()).condition(now, &Policy::DEFAULT));
            breaker = breaker.zip(condition).map(|(one, other)| one.max(other));
        }
        let status = if breaker.is_some() { "up" } else { "down" };
        (ProbeResult { status, reason: None, latency: started.elapsed() }, breaker)
    }

    async fn settings(&self, component: &'static str) -> ConfigState {
        runtime::deadline::timeout(PROBE_TIMEOUT, config_state::ask(component)).await.unwrap_or(ConfigState::Unknown)
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
