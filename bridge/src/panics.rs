//! Panics: one is a bug, and costs the message that was processed and nothing else.

use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// The work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal error")]
pub(crate) struct Panicked;

/// Logs every panic by its place. The text of a panic may contain parts of a message.
pub(crate) fn log() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "internal error: a part of the bridge panicked; please report it");
    }));
}

/// Awaits some work, and returns an error if it panics. What the work shares with others is in
/// atomics, channels and locks that ignore poisoning.
pub(crate) fn contained<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, Panicked>> {
    AssertUnwindSafe(Box::pin(work)).catch_unwind().map(|result| result.map_err(|_| Panicked))
}
