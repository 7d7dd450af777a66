//! The state that one instance keeps between requests: settings, keys, connections.

use crate::routes;
use crate::services::{Ports, Services};
use crate::settings::Settings;
use crate::store::{CachedAffiliations, Store, old_records};
use connectivity_edge::guard::Guard;
use connectivity_edge::instance::{self, Component, Dependencies};
use connectivity_edge::token::Verifier;
use connectivity_registry::bindings::citizens;
use connectivity_registry::{Plugin, PluginCall, PluginInfo, configure};
use connectivity_runtime as runtime;
use connectivity_runtime::settings::Invalid;
use connectivity_storage::audit::SqlAuditLog;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Component> = OnceLock::new();

/// The ports on the host.
struct Live;

impl Ports for Live {
    type Registry = PluginCall;
    type Store = Store;
    type Affiliated = CachedAffiliations;
    type Audit = SqlAuditLog;
}

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Component> {
    instance::get(&INSTANCE, settings(), make).await
}

/// Reads the settings and configures the plugin, so that invalid settings show before the first
/// question is asked.
async fn settings() -> Result<(Settings, PluginInfo), Invalid> {
    let settings = Settings::from_host().await?;
    Ok((settings, configure(citizens::settings(), citizens::configure).await?))
}

fn make((settings, plugin): (Settings, PluginInfo)) -> Component {
    let Dependencies { database, cache, mut guard } = Dependencies::new("affiliation", &settings.service);
    if cfg!(feature = "bench-tokens-only") {
        guard = Arc::new(Guard::tokens_only(Verifier::new(&settings.service.tokens)));
    }
    let plugin = Plugin::new(&plugin, Arc::clone(&cache));
    let services = Services::<Live> {
        registry: Arc::new(move |context, subject| plugin.for_request(context, subject)),
        audit: SqlAuditLog::new(Arc::clone(&database)),
        old_records: old_records(&database, settings.checks, settings.audit),
        store: Store::new(Arc::clone(&database)),
        affiliated: CachedAffiliations::new(Arc::clone(&cache), settings.affiliated_ttl),
        guard,
        affiliated_without_body: settings.affiliated_without_body,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Component::new(routes::router(services), settings.service.guard.cors, database, cache)
}
