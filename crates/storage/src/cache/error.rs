//! The error of the cache.

/// The cache did not answer. The cause is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cache cannot be reached: {0}")]
pub struct CacheDown(pub String);
