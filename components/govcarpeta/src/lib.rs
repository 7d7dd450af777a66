//! The registry plugin for the GovCarpeta HTTP API: it exports `connectivity:registry`.
//!
//! `meaning` is the table from HTTP status to verdict, `call` the two questions, `settings` what an
//! operator can set, and `wit` the translation to and from the WIT.

#![cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "the WIT, which uses it all, exists in wasm only"))]

mod call;
mod meaning;
mod settings;
#[cfg(target_family = "wasm")]
mod wit;
