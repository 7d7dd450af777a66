//! Who may call: tokens, sessions and service accounts. `/api/v1/token/…` and `/api/v1/auth/…` for the clients that know
//! them, `/oauth/…` and `/.well-known/…` for everybody else, `/api/v1/service-accounts/…` for an administrator.

#![cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

mod accounts;
mod client;
mod discovery;
mod failed;
#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod keys;
mod oauth;
#[cfg(not(target_family = "wasm"))]
mod openapi;
mod routes;
mod secrets;
mod seed;
mod services;
mod settings;
#[cfg(target_family = "wasm")]
mod store;
mod tokens;
mod wire;

#[cfg(not(target_family = "wasm"))]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
