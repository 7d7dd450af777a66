//! The state that one instance keeps between requests: its connections.

use crate::metrics::OutboxDepth;
use crate::probe::{HealthProbe, ProbeResult};
use crate::store;
use connectivity_domain::breaker::{Admission, BREAKER_KEY, BreakerState, Policy};
use connectivity_edge::config_state;
use connectivity_edge::config_state::ConfigState;
use connectivity_edge::instance;
use connectivity_runtime as runtime;
use connectivity_runtime::log;
use connectivity_runtime::settings::{Invalid, Reader, log_level};
use connectivity_storage::cache::Cache;
use connectivity_storage::cache::CacheSettings;
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
}

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Instance> {
    let make = |(database, cache): (DatabaseSettings, CacheSettings)| Instance {
        database: Arc::new(Database::new(&database)),
        cache: Arc::new(Cache::new(&cache)),
    };
    instance::get(&INSTANCE, settings(), make).await
}

impl Instance {
    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }
}

async fn settings() -> Result<(DatabaseSettings, CacheSettings), Invalid> {
    let names: Vec<_> = ["log_level"].into_iter().chain(DatabaseSettings::NAMES).chain(CacheSettings::NAMES).collect();
    let mut reader = Reader::from_host(&names).await;
    let settings = (DatabaseSettings::read(&mut reader), CacheSettings::read(&mut reader));
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

    async fn cache(&self) -> (ProbeResult, Option<&'static str>) {
        let (started, now) = (Instant::now(), runtime::now());
        let held = self.cache.get(BREAKER_KEY, now).await;
        let status = if held.is_ok() { "up" } else { "down" };
        let state = held.ok().map(|held| held.as_deref().map_or_else(BreakerState::default, BreakerState::decode));
        let breaker = state.map(|state| match state.admit(now, &Policy::DEFAULT) {
            Admission::Go => "closed",
            Admission::Refuse { .. } => "open",
            Admission::Probe(_) => "probing",
        });
        (ProbeResult { status, reason: None, latency: started.elapsed() }, breaker)
    }

    async fn settings(&self, component: &'static str) -> ConfigState {
        runtime::deadline::timeout(PROBE_TIMEOUT, config_state::ask(component)).await.unwrap_or(ConfigState::Unknown)
    }

    async fn counts(&self) -> Option<Vec<(String, u64)>> {
        self.cache.counts(runtime::now()).await.ok()
    }

    async fn outbox(&self) -> Option<OutboxDepth> {
        let (database, now) = (Arc::clone(&self.database), runtime::now());
        runtime::deadline::timeout_detached(PROBE_TIMEOUT, async move { store::outbox(&database, now).await })
            .await
            .flatten()
    }
}
