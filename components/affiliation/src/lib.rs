//! The component `affiliation`: checks, their history, and what is held about one citizen.

#![cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "only the handler uses it, and that exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
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
