//! What every component shares: answers, problems, the guard, settings, logs, the database and the cache.
//!
//! Statics live in the components; what this library keeps between requests is said on each type.

pub mod answer;
pub mod configured;
pub mod cors;
pub mod guard;
pub mod history;
pub mod instance;
pub mod json_body;
pub mod metrics;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod problem;
pub mod request;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod settings;
pub mod throttle;
pub mod token;

#[cfg(target_family = "wasm")]
pub use connectivity_registry as registry;
pub use connectivity_runtime as runtime;
pub use connectivity_runtime::log;
pub use connectivity_storage::{cache, database, pool, table};
