//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::routes;
use crate::services::Services;
use crate::settings::Settings;
use crate::store::Store;
use connectivity_kit::instance::{self, Base, Same};
use connectivity_kit::registry::Plugin;
use connectivity_kit::runtime;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Same> = OnceLock::new();

/// The instance, made at its first request; none as long as its settings are wrong.
pub(crate) async fn get() -> Option<&'static Same> {
    instance::get(&INSTANCE, Settings::of_host(), make).await
}

fn make(settings: Settings) -> Same {
    let Base { database, cache, guard } = Base::new("documents", &settings.service);
    let services = Services {
        registry: Arc::new(Plugin::of),
        store: Store::new(database),
        guard,
        settings: settings.routes,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Same::new(routes::router(services), settings.service.guard.cors, cache)
}
