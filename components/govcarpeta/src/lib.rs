//! The registry plugin for the GovCarpeta HTTP API: `connectivity:registry` over HTTP.
//!
//! It decides nothing: what an answer means is `connectivity_domain::http_registry`, when to ask again `backoff`,
//! when to leave the registry alone `breaker`. Here they are put to work.

mod breaker;
mod call;
mod exchange;
mod settings;
mod wit;
