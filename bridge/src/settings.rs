//! The settings, read from environment variables. All problems are reported together, by name and
//! never by value.

mod amqp;
mod api;
mod components;
mod kind;
mod log;
mod reader;
mod run;
mod setting;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod tls;
mod traces;

pub(crate) use amqp::AmqpSettings;
pub(crate) use api::ApiSettings;
pub(crate) use components::Credentials;
pub(crate) use log::log_filter;
pub(crate) use reader::{Environment, Invalid, Source};
pub(crate) use run::RunSettings;
pub(crate) use table::DEFAULT_SERVICE_NAME;
pub(crate) use traces::TraceSettings;
