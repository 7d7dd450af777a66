//! Is the service alive, and can it do its work? `/health/live` and `/health/ready`, for probes. And what it offers to
//! whom, at `/api/schema/` and `/api/docs/`.

#![cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
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
