//! Is the service alive, and can it do its work? `/health/live` and `/health/ready`, for probes.

#![cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod routes;
#[cfg(target_family = "wasm")]
mod store;

#[cfg(test)]
mod tests;
