//! The routes of every job: those for callers (submit, history, find) and those for the bridge
//! (deliveries, alone and in batches, and the outbox).
//!
//! A job's component states what only this job has: its question
//! ([`connectivity_domain::job::Question`]), its table ([`connectivity_storage::job_store::JobTable`])
//! and how it is shown ([`Job`]). [`router()`] makes the routes, whose paths follow from the job's
//! name ([`Paths`]); [`JobSettings`] reads the settings; [`component`] makes the instance.
//!
//! The routes for the bridge need the scope `bridge`, those for callers a scope with the job's name,
//! and what is held about one citizen the scope `admin`.

mod batch;
mod bridge;
mod callers;
mod cloud_event;
mod delivery;
mod event;
mod instance;
mod job;
mod operator;
mod outbox;
mod paths;
mod preferences;
mod problems;
#[cfg(feature = "openapi")]
pub mod schema;
mod services;
mod settings;
#[cfg(any(test, feature = "fakes"))]
pub mod testing;

pub use callers::Accepted;
pub use instance::component;
pub use job::Job;
pub use paths::Paths;
pub use services::{Records, Services, router};
pub use settings::{JobSettings, ResultKeys};

#[cfg(test)]
mod tests;
