//! The component `documents`: `/api/v1/documents/…` for callers, `/internal/v1/…` for the bridge.

#![cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "only the handler uses it, and that exists in wasm only")
)]

mod delivery;
#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod internal;
#[cfg(feature = "openapi")]
mod openapi;
mod routes;
#[cfg(feature = "openapi")]
mod schema;
mod services;
mod settings;
#[cfg(target_family = "wasm")]
mod store;
mod wire;

#[cfg(feature = "openapi")]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
