//! What one instance keeps between requests, made at the first of them.

use crate::log::{self, Level};
use crate::settings::Invalid;
use std::future::Future;
use std::sync::OnceLock;

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
