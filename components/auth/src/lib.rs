//! The component `auth`: tokens, sessions and service accounts.
//!
//! It serves `/api/v1/token/…` and `/api/v1/auth/…` for existing clients, `/oauth/…` and
//! `/.well-known/…` with the standard names, and `/api/v1/service-accounts/…` for administrators.

#![cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "only the handler uses it, and that exists in wasm only")
)]

mod accounts;
mod client;
mod discovery;
#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod keys;
mod login_limits;
mod oauth;
mod oauth_error;
#[cfg(feature = "openapi")]
mod oauth_responses;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod routes;
#[cfg(feature = "openapi")]
mod schema;
mod secrets;
mod seed;
mod services;
mod settings;
#[cfg(target_family = "wasm")]
mod store;
mod tokens;
mod wire;

#[cfg(feature = "openapi")]
pub use openapi::openapi;

#[cfg(test)]
mod tests;
