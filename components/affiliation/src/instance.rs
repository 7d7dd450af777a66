//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::routes::{self, Services};
use crate::settings::Settings;
use crate::store::{Memory, Store};
use axum::Router;
use axum::body::Body;
use connectivity_kit::answer;
use connectivity_kit::cache::Cache;
use connectivity_kit::cors::Cors;
use connectivity_kit::database::Database;
use connectivity_kit::guard::Guard;
use connectivity_kit::instance::{self, Serving};
use connectivity_kit::registry::Plugin;
use connectivity_kit::runtime;
use connectivity_kit::token::Verifier;
use http::Request;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Instance> = OnceLock::new();

pub(crate) struct Instance {
    cors: Option<Cors>,
    cache: Arc<Cache>,
    router: Router,
}

/// The instance, made at its first request; none as long as its settings are wrong.
pub(crate) async fn get() -> Option<&'static Instance> {
    instance::get(&INSTANCE, Settings::of_host(), Instance::new).await
}

impl Instance {
    fn new(settings: Settings) -> Self {
        let database = Arc::new(Database::new(&settings.service.database));
        let cache = Arc::new(Cache::new(&settings.service.cache));
        let verifier = Verifier::new(&settings.service.tokens);
        let guard = if cfg!(feature = "bench-tokens-only") {
            Guard::tokens_only(verifier)
        } else {
            Guard::new("affiliation", verifier, &settings.service.guard, Arc::clone(&cache), Arc::clone(&database))
        };
        let services = Services {
            registry: Arc::new(Plugin::of),
            store: Store::new(database),
            memory: Memory::new(Arc::clone(&cache), settings.remember_affiliated),
            guard: Arc::new(guard),
            affiliated_without_body: settings.affiliated_without_body,
            now: runtime::now,
            new_id: runtime::new_id,
        };
        Self { cors: settings.service.guard.cors, cache, router: answer::complete(routes::router(services)) }
    }
}

impl Serving for Instance {
    fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    fn router(&self, _: &Request<Body>) -> Router {
        self.router.clone()
    }
}
