//! The settings, read from environment variables. All problems are reported together, by name and
//! never by value.

mod amqp;
mod api;
mod components;
mod kind;
mod reader;
mod run;
mod setting;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod traces;

pub(crate) use amqp::AmqpSettings;
pub(crate) use api::ApiSettings;
pub(crate) use components::Credentials;
pub(crate) use reader::{Environment, Invalid};
pub(crate) use run::RunSettings;
pub(crate) use table::{DEFAULT_LOG_FILTER, DEFAULT_SERVICE_NAME};
pub(crate) use traces::TraceSettings;
