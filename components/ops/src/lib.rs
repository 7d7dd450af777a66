//! How the service is: `/health/live` and `/health/ready` for probes, `/metrics` for Prometheus. And what it offers to
//! whom: `/api/schema/` and `/api/docs/`.

#![cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod metrics;
#[cfg(not(target_family = "wasm"))]
mod openapi;
mod pages;
mod routes;
#[cfg(target_family = "wasm")]
mod store;
mod wire;

#[cfg(not(target_family = "wasm"))]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
