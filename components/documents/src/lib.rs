//! The component `documents`: the job that asks whether documents are authentic. Its routes are
//! those of every job, in `crates/jobs`.

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
#[cfg(any(target_family = "wasm", feature = "openapi", test))]
mod job;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(target_family = "wasm")]
mod port;
#[cfg(feature = "openapi")]
mod schema;
#[cfg(any(target_family = "wasm", feature = "openapi", test))]
mod store;

#[cfg(feature = "openapi")]
pub use openapi::{openapi, paths};

#[cfg(test)]
mod tests;
