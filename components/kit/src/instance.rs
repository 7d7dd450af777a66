//! What one instance keeps between requests, made at the first of them.

use crate::cache::Cache;
use crate::cors::Cors;
use crate::log::{self, Level};
use crate::settings::Invalid;
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
