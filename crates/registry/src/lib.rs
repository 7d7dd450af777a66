//! The asking side of a registry: `connectivity:registry` of the WIT as ports of the domain.
//!
//! A component configures its plugin once per instance ([`configure`], in wasm only), and asks it
//! through [`Plugin`]. The port of a job's question is in the job's component. In tests, a fake of
//! the port takes its place. [`RegistryFactory`] makes the port for one request, so that the
//! request's trace goes with the question.
//!
//! The plugin is trusted with its question and nothing else. It gets the settings that it declares,
//! and only those that [`handover`] allows. It shares no state with the component: the circuit
//! breaker stands here, on the asking side, and so does the deadline of a call.
//!
//! The crate depends on `connectivity-runtime` and `connectivity-storage`. It never decides what an
//! answer of the registry means and never repeats a question: the plugin does both.

use connectivity_runtime::request_context::RequestContext;
use std::sync::Arc;

#[cfg(target_family = "wasm")]
pub mod bindings;
pub mod breaker;
#[cfg(target_family = "wasm")]
mod configure;
#[cfg(any(test, target_family = "wasm"))]
mod deadline;
pub mod handover;
#[cfg(target_family = "wasm")]
mod plugin;
#[cfg(target_family = "wasm")]
mod translate;

#[cfg(target_family = "wasm")]
pub use configure::{PluginInfo, configure};
#[cfg(target_family = "wasm")]
pub use plugin::{Plugin, PluginCall};
#[cfg(target_family = "wasm")]
pub use translate::{error, evidence};

/// Makes the registry that one request asks, on behalf of the subject of its token.
pub type RegistryFactory<R> = Arc<dyn Fn(&RequestContext, &str) -> R + Send + Sync>;
