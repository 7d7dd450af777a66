//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::routes::{self, Services};
use crate::settings::Settings;
use crate::store::{Memory, Store};
use connectivity_kit::guard::Guard;
use connectivity_kit::instance::{self, Base, Same};
use connectivity_kit::registry::{self, Plugin};
use connectivity_kit::runtime;
use connectivity_kit::settings::Invalid;
use connectivity_kit::token::Verifier;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Same> = OnceLock::new();

/// The instance, made at its first request; none as long as its settings are wrong.
pub(crate) async fn get() -> Option<&'static Same> {
    instance::get(&INSTANCE, settings(), make).await
}

/// The component's own, once those of the plugin are right too: what cannot be asked shall be known before it is needed.
async fn settings() -> Result<Settings, Invalid> {
    let settings = Settings::of_host().await?;
    registry::expect_citizens().await?;
    Ok(settings)
}

fn make(settings: Settings) -> Same {
    let Base { database, cache, mut guard } = Base::new("affiliation", &settings.service);
    if cfg!(feature = "bench-tokens-only") {
        guard = Arc::new(Guard::tokens_only(Verifier::new(&settings.service.tokens)));
    }
    let services = Services {
        registry: Arc::new(Plugin::new),
        store: Store::new(database),
        memory: Memory::new(Arc::clone(&cache), settings.remember_affiliated),
        guard,
        affiliated_without_body: settings.affiliated_without_body,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Same::new(routes::router(services), settings.service.guard.cors, cache)
}
