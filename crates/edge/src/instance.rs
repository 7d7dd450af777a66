//! The state that an instance keeps between requests, created at the first of them.

use crate::cors::Cors;
use crate::guard::Guard;
use crate::router::complete;
use crate::service_settings::ServiceSettings;
use crate::token::Verifier;
use axum::Router;
use connectivity_runtime::log::{self, Level};
use connectivity_runtime::settings::Invalid;
use connectivity_storage::cache::Cache;
use connectivity_storage::database::Database;
use std::future::Future;
use std::sync::{Arc, OnceLock};

/// What every component that serves callers depends on.
pub struct Dependencies {
    /// The database that holds the records.
    pub database: Arc<Database>,
    /// The cache that all instances share.
    pub cache: Arc<Cache>,
    /// The guard of the component.
    pub guard: Arc<Guard>,
}

impl Dependencies {
    /// Creates the dependencies of the component of that name from its settings. Nothing is
    /// connected yet.
    pub fn new(component: &'static str, settings: &ServiceSettings) -> Self {
        let database = Arc::new(Database::new(&settings.database));
        let cache = Arc::new(Cache::new(&settings.cache));
        let verifier = Verifier::new(&settings.tokens);
        let guard = Guard::new(component, verifier, &settings.guard, Arc::clone(&cache), Arc::clone(&database));
        Self { database, cache, guard: Arc::new(guard) }
    }
}

/// An instance of a component that serves callers: its routes, and what the server needs besides
/// them.
pub struct Component {
    pub(crate) router: Router,
    pub(crate) cors: Option<Cors>,
    pub(crate) database: Arc<Database>,
    pub(crate) cache: Arc<Cache>,
}

impl Component {
    /// Creates an instance with these routes, which use this database and this cache.
    pub fn new(routes: Router, cors: Option<Cors>, database: Arc<Database>, cache: Arc<Cache>) -> Self {
        Self { router: complete(routes), cors, database, cache }
    }
}

/// Returns the content of the cell, which `make` creates from the settings at the first request.
/// Returns `None` while the settings are invalid, and logs why.
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
