//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::routes::{self, Services};
use crate::settings::Settings;
use crate::store::{Memory, Store};
use connectivity_kit::guard::Guard;
use connectivity_kit::instance::{self, Base, Same};
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
    let Base { database, cache, mut guard } = Base::new("affiliation", &settings.service);
    if cfg!(feature = "bench-tokens-only") {
        guard = Arc::new(Guard::tokens_only(Verifier::new(&settings.service.tokens)));
    }
    let services = Services {
        registry: Arc::new(Plugin::of),
        store: Store::new(database),
        memory: Memory::new(Arc::clone(&cache), settings.remember_affiliated),
        guard,
        affiliated_without_body: settings.affiliated_without_body,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Same::new(routes::router(services), settings.service.guard.cors, cache)
}
