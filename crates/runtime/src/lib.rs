//! What a component asks of its host besides storage.
//!
//! The crate offers the clock, ids and random bits ([`now`], [`new_id`], [`random`]), timers and
//! deadlines ([`sleep`], [`deadline`]), waiting between requests ([`signal`], [`semaphore`]), the
//! context of the current request ([`request_context`], [`request_scope`]), log lines ([`log`]),
//! metric recording ([`metrics`]), the bodies of HTTP messages ([`message_body`]) and the settings
//! reader ([`settings`]).
//!
//! It depends on `connectivity-domain` and the Spin SDK. It never opens a database or cache
//! connection, never sends an HTTP request, and keeps no request's data in a static. Outside of
//! wasm the same functions run on tokio, so that the crates above can be tested natively.

pub mod deadline;
mod host;
pub mod log;
pub mod message_body;
pub mod metrics;
pub mod request_context;
pub mod request_scope;
pub mod semaphore;
pub mod settings;
pub mod signal;
mod timer;

pub use host::{new_id, now, random, sleep, spawn};
