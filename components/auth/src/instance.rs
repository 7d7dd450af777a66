//! What one instance keeps between requests: settings, keys, connections. Never a request's data.

use crate::failed::Counters;
use crate::routes;
use crate::secrets::Argon;
use crate::services::{Keeper, Services};
use crate::settings::Settings;
use crate::store::Store;
use axum::Router;
use axum::body::Body;
use connectivity_domain::access::LoginOrigin;
use connectivity_kit::answer;
use connectivity_kit::cache::Cache;
use connectivity_kit::cors::Cors;
use connectivity_kit::instance::{self, Base, Serving};
use connectivity_kit::{request, runtime};
use http::Request;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

static INSTANCE: OnceLock<Instance> = OnceLock::new();

pub(crate) struct Instance {
    base: Base,
    keeper: Arc<Keeper>,
    cors: Option<Cors>,
}

/// The instance, made at its first request; none as long as its settings are wrong.
pub(crate) async fn get() -> Option<&'static Instance> {
    instance::get(&INSTANCE, Settings::of_host(), Instance::new).await
}

impl Instance {
    fn new(settings: Settings) -> Self {
        let base = Base::new("auth", &settings.service);
        let keeper = Keeper {
            signer: settings.signer,
            argon: Argon::new(),
            key_set: settings.key_set,
            public_url: settings.public_url,
            seeds: settings.seeds,
            planted: AtomicBool::new(false),
        };
        Self { base, keeper: Arc::new(keeper), cors: settings.service.guard.cors }
    }

    /// What the routes need to answer this request.
    fn services(&self, request: &Request<Body>) -> Services<Store, Counters> {
        let request_id = request::context(request).map(|context| context.request_id.clone()).unwrap_or_default();
        let address = self.base.guard.client(request.headers());
        Services {
            store: Store::new(Arc::clone(&self.base.database), runtime::new_id),
            failed: Counters(Arc::clone(&self.base.cache)),
            guard: Arc::clone(&self.base.guard),
            keeper: Arc::clone(&self.keeper),
            origin: LoginOrigin { address: address.map(|address| address.to_string()), request_id, actor: None },
            now: runtime::now,
            new_id: runtime::new_id,
        }
    }
}

impl Serving for Instance {
    fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    fn cache(&self) -> &Arc<Cache> {
        &self.base.cache
    }

    fn router(&self, request: &Request<Body>) -> Router {
        answer::complete(routes::router(self.services(request)))
    }
}
