//! The component `ops`: `/health/live` and `/health/ready` for probes, `/metrics` for Prometheus,
//! and the API's documentation at `/api/schema/` and `/api/docs/`.

#![cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "only the handler uses it, and that exists in wasm only")
)]

mod file;
#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod metrics;
#[cfg(feature = "openapi")]
mod openapi;
mod pages;
mod probe;
mod recent;
mod routes;
#[cfg(feature = "openapi")]
mod schema;
#[cfg(target_family = "wasm")]
mod store;
mod wire;

#[cfg(feature = "openapi")]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
