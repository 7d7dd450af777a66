//! What a component asks of its host besides storage.
//!
//! The crate offers the clocks, ids and random bits ([`now`], [`instant`], [`new_id`], [`random`]), timers and
//! deadlines ([`sleep`], [`deadline`]), waiting between requests ([`signal`], [`semaphore`]), the
//! context of the current request ([`request_context`], [`request_scope`]), log lines ([`log`]),
//! metric recording ([`metrics`]), the bodies of HTTP messages ([`message_body`]) and the settings
//! reader ([`settings`]).
//!
//! It depends on `connectivity-domain` and the Spin SDK. It never opens a database or cache
//! connection, never sends an HTTP request, and keeps no request's data in a static. Outside of
//! wasm the same functions run on tokio, so that the crates above can be tested natively.

mod clock;
pub mod deadline;
mod host;
mod idle_task;
mod ids;
pub mod log;
pub mod message_body;
pub mod metrics;
pub mod request_context;
pub mod request_scope;
pub mod semaphore;
pub mod settings;
pub mod signal;
mod timer;

pub use clock::{instant, now, with_few_readings};
pub use host::{begin, sleep, spawn};
pub use idle_task::IdleTask;
pub use ids::{new_id, random};
