//! The state that one instance keeps between requests: settings, keys, connections.

use crate::routes;
use crate::services::Services;
use crate::settings::Settings;
use crate::store::Store;
use connectivity_edge::instance::{self, Component, Dependencies};
use connectivity_registry::{Plugin, PluginInfo, configure_documents};
use connectivity_runtime as runtime;
use connectivity_runtime::settings::Invalid;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The longest time that the two statements of a claim take.
const STATEMENTS: Duration = Duration::from_secs(10);

static INSTANCE: OnceLock<Component> = OnceLock::new();

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Component> {
    instance::get(&INSTANCE, settings(), make).await
}

/// Reads the settings and configures the plugin, so that invalid settings show before the first
/// question is asked.
async fn settings() -> Result<(Settings, PluginInfo), Invalid> {
    let settings = Settings::from_host().await?;
    Ok((settings, configure_documents().await?))
}

fn make((settings, plugin): (Settings, PluginInfo)) -> Component {
    let Dependencies { database, cache, guard } = Dependencies::new("documents", &settings.service);
    let lease = plugin.call_timeout + STATEMENTS;
    let plugin = Plugin::new(&plugin, Arc::clone(&cache));
    let services = Services {
        registry: Arc::new(move |context, subject| plugin.for_request(context, subject)),
        store: Store::new(database),
        guard,
        lease,
        settings: settings.routes,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Component::new(routes::router(services), settings.service.guard.cors, cache)
}
