//! HTTP in: what every component that serves callers has in common.
//!
//! A request passes [`serve`] (request id, CORS, metrics, log line), [`router`] and the route itself,
//! which calls the [`guard`] (access token, session, rate limit), reads its body with [`request_body`]
//! and [`json_body`], and answers, or fails with a [`problem`]. [`audit`]
//! notes who read whose data. [`instance`] creates what an instance
//! keeps between requests, and [`metrics_sender`] sends the recorded metrics to the shared cache.
//! With the feature `openapi`, `schema` and `openapi` describe the same in the OpenAPI document.
//!
//! It depends on `connectivity-domain`, `connectivity-runtime` and `connectivity-storage`. It never
//! asks a registry, knows no table but `sessions`, and keeps no request's data in a static.

pub mod audit;
pub mod config_state;
pub mod cors;
pub mod guard;
pub mod history;
pub mod holdings;
pub mod instance;
pub mod json_body;
pub mod metrics_sender;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod path;
pub mod problem;
pub mod rate_limit;
pub mod request_body;
pub mod response;
pub mod retention;
pub mod router;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod serve;
pub mod service_settings;
pub mod subject;
pub mod token;
