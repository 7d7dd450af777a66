//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::routes;
use crate::services::Services;
use crate::settings::Settings;
use crate::store::Store;
use connectivity_kit::cache::Cache;
use connectivity_kit::database::Database;
use connectivity_kit::guard::Guard;
use connectivity_kit::instance::{self, Same};
use connectivity_kit::registry::Plugin;
use connectivity_kit::runtime;
use connectivity_kit::token::Verifier;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Same> = OnceLock::new();

/// The instance, made at its first request; none as long as its settings are wrong.
pub(crate) async fn get() -> Option<&'static Same> {
    instance::get(&INSTANCE, Settings::of_host(), make).await
}

fn make(settings: Settings) -> Same {
    let database = Arc::new(Database::new(&settings.service.database));
    let cache = Arc::new(Cache::new(&settings.service.cache));
    let verifier = Verifier::new(&settings.service.tokens);
    let guard = Guard::new("documents", verifier, &settings.service.guard, Arc::clone(&cache), Arc::clone(&database));
    let services = Services {
        registry: Arc::new(Plugin::of),
        store: Store::new(database),
        guard: Arc::new(guard),
        settings: settings.routes,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Same::new(routes::router(services), settings.service.guard.cors, cache)
}
