//! The asking side of a registry: `connectivity:registry` of the WIT as ports of the domain.
//!
//! A component that asks the registry uses [`Plugin`] (in wasm only) or, in tests, a fake of its
//! port. [`RegistryFactory`] makes the port for one request, so that the request's trace goes with
//! the question.
//!
//! It depends on `connectivity-domain` and `connectivity-runtime`. It never decides what an answer
//! means and never retries: the plugin does both.

use connectivity_runtime::request_context::RequestContext;
use std::sync::Arc;

#[cfg(target_family = "wasm")]
mod plugin;

#[cfg(target_family = "wasm")]
pub use plugin::{Plugin, expect_citizens, expect_documents};

/// Makes the registry that one request asks.
pub type RegistryFactory<R> = Arc<dyn Fn(&RequestContext) -> R + Send + Sync>;
