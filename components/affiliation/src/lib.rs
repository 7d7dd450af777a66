//! May this citizen be affiliated with us? `POST /api/v1/affiliation/check/` and `GET /api/v1/affiliation/history/`.

#![cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
#[cfg(not(target_family = "wasm"))]
mod openapi;
mod routes;
mod settings;
#[cfg(target_family = "wasm")]
mod store;
mod wire;

#[cfg(not(target_family = "wasm"))]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
