//! What one instance keeps between requests, made at the first of them.

use crate::answer;
use crate::cache::Cache;
use crate::cors::Cors;
use crate::database::Database;
use crate::guard::Guard;
use crate::log::{self, Level};
use crate::settings::{Invalid, ServiceSettings};
use crate::token::Verifier;
use axum::Router;
use axum::body::Body;
use http::Request;
use std::future::Future;
use std::sync::{Arc, OnceLock};

/// An instance of a component that lets callers in.
pub trait Serving: Sync + 'static {
    /// Which pages may read its answers.
    fn cors(&self) -> Option<&Cors>;

    /// Where what it counts goes.
    fn cache(&self) -> &Arc<Cache>;

    /// The routes for one request, made by [`crate::answer::complete`].
    fn router(&self, request: &Request<Body>) -> Router;
}

/// What every component that lets callers in works with.
pub struct Base {
    /// Where its records are.
    pub database: Arc<Database>,
    /// What all instances share for a while.
    pub cache: Arc<Cache>,
    /// Who may pass.
    pub guard: Arc<Guard>,
}

impl Base {
    /// What the component of that name works with, as its settings say. Nothing is connected yet.
    pub fn new(component: &'static str, settings: &ServiceSettings) -> Self {
        let database = Arc::new(Database::new(&settings.database));
        let cache = Arc::new(Cache::new(&settings.cache));
        let verifier = Verifier::new(&settings.tokens);
        let guard = Guard::new(component, verifier, &settings.guard, Arc::clone(&cache), Arc::clone(&database));
        Self { database, cache, guard: Arc::new(guard) }
    }
}

/// An instance whose routes are the same for every request.
pub struct Same {
    cors: Option<Cors>,
    cache: Arc<Cache>,
    router: Router,
}

impl Same {
    /// An instance with these routes.
    pub fn new(routes: Router, cors: Option<Cors>, cache: Arc<Cache>) -> Self {
        Self { cors, cache, router: answer::complete(routes) }
    }
}

impl Serving for Same {
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

/// What the cell holds, made of the settings at the first request; none as long as they are wrong, which the log says.
pub async fn get<T, S>(
    cell: &'static OnceLock<T>,
    settings: impl Future<Output = Result<S, Invalid>>,
    make: impl FnOnce(S) -> T,
) -> Option<&'static T> {
    if let Some(instance) = cell.get() {
        return Some(instance);
    }
    match settings.await {
        Ok(settings) => Some(cell.get_or_init(|| make(settings))),
        Err(problems) => {
            log::line(Level::Error, "settings", &[("cause", problems.to_string().into())]);
            None
        }
    }
}
