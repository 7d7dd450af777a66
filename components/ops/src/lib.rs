//! How the service is: `/health/live` and `/health/ready` for probes, `/metrics` for Prometheus.

#![cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "the handler, which uses it all, exists in wasm only")
)]

#[cfg(target_family = "wasm")]
mod handler;
#[cfg(target_family = "wasm")]
mod instance;
mod metrics;
mod routes;
#[cfg(target_family = "wasm")]
mod store;

#[cfg(test)]
mod tests;
