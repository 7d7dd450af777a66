//! The component `affiliation`: `POST /api/v1/affiliation/check/` and `GET
//! /api/v1/affiliation/history/`.

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
mod settings;
#[cfg(target_family = "wasm")]
mod store;
mod wire;

#[cfg(feature = "openapi")]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
