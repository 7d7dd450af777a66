//! The state that one instance keeps between requests: settings, keys, connections.

use crate::login_limits::CachedLimits;
use crate::routes;
use crate::secrets::Argon;
use crate::services::{AuthState, Services};
use crate::settings::Settings;
use crate::store::Store;
use connectivity_edge::instance::{self, Component, Dependencies};
use connectivity_runtime as runtime;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Component> = OnceLock::new();

/// Returns the instance, created at its first request, or `None` while its settings are invalid.
pub(crate) async fn get() -> Option<&'static Component> {
    instance::get(&INSTANCE, Settings::from_host(), make).await
}

fn make(settings: Settings) -> Component {
    let Dependencies { database, cache, guard } = Dependencies::new("auth", &settings.service);
    let services = Services {
        store: Store::new(Arc::clone(&database), runtime::new_id),
        limits: CachedLimits::new(Arc::clone(&cache), settings.login_pace),
        guard,
        state: AuthState {
            signer: settings.signer,
            argon: Argon::new(),
            key_set: settings.key_set,
            public_url: settings.public_url,
            seeds: settings.seeds,
            seeded: AtomicBool::new(false),
        },
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Component::new(routes::router(services), settings.service.guard.cors, database, cache)
}
