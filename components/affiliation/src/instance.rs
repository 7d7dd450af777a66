//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::routes::Services;
use crate::settings::Settings;
use crate::store::{Memory, Store};
use axum::body::Body;
use connectivity_kit::cache::Cache;
use connectivity_kit::database::Database;
use connectivity_kit::log::{self, Level};
use connectivity_kit::registry::Plugin;
use connectivity_kit::request;
use connectivity_kit::runtime;
use connectivity_kit::token::Verifier;
use http::Request;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Instance> = OnceLock::new();

pub(crate) struct Instance {
    settings: Arc<Settings>,
    verifier: Arc<Verifier>,
    database: Arc<Database>,
    cache: Arc<Cache>,
}

/// The instance, made at its first request; none as long as its settings are wrong.
pub(crate) async fn get() -> Option<&'static Instance> {
    if let Some(instance) = INSTANCE.get() {
        return Some(instance);
    }
    match Settings::of_host().await {
        Ok(settings) => Some(INSTANCE.get_or_init(|| Instance::new(settings))),
        Err(problems) => {
            log::line(Level::Error, "settings", &[("cause", problems.to_string().into())]);
            None
        }
    }
}

impl Instance {
    fn new(settings: Settings) -> Self {
        Self {
            verifier: Arc::new(Verifier::new(&settings.tokens)),
            database: Arc::new(Database::new(&settings.database)),
            cache: Arc::new(Cache::new(&settings.cache)),
            settings: Arc::new(settings),
        }
    }

    /// What the routes need to answer this request.
    pub(crate) fn services(&self, request: &Request<Body>) -> Services<Plugin, Store, Memory> {
        let cache = Arc::clone(&self.cache);
        Services {
            registry: Plugin::of(request::context(request)),
            store: Store::new(Arc::clone(&self.database)),
            memory: Memory::new(Arc::clone(&cache), self.settings.remember_affiliated),
            cache: Some(cache),
            verifier: Arc::clone(&self.verifier),
            throttle: self.settings.throttle,
            affiliated_without_body: self.settings.affiliated_without_body,
            now: runtime::now,
            new_id: runtime::new_id,
        }
    }
}
