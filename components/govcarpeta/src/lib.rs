//! The registry plugin for the GovCarpeta HTTP API: `connectivity:registry` over HTTP.
//!
//! It decides nothing: what an answer means is `connectivity_domain::http_registry`, when to ask again `backoff`,
//! when to leave the registry alone `breaker`. Here they are put to work.

#![cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "the WIT, which uses it all, exists in wasm only"))]

mod breaker;
mod call;
mod exchange;
mod settings;
#[cfg(target_family = "wasm")]
mod wit;
