//! Is this document authentic? `/api/v1/documents/…` for its callers, `/internal/v1/…` for the bridge.

#![cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod internal;
#[cfg(not(target_family = "wasm"))]
mod openapi;
mod routes;
mod services;
mod settings;
#[cfg(target_family = "wasm")]
mod store;
mod wire;

#[cfg(not(target_family = "wasm"))]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
