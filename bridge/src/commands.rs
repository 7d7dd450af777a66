//! The commands of an operator: look at the queues, publish requests, handle dead letters, service
//! accounts, checks of many citizens, and what is held about one.

mod api;
mod check;
mod citizens;
mod dead_letters;
mod error;
mod health;
mod publish;
mod results;
mod retention;
mod service_accounts;
mod signing_key;
mod topology;

pub(crate) use api::{Api, ApiError};
pub(crate) use check::{CheckError, CheckOptions, Format, MAX_BATCH, check};
pub(crate) use citizens::{erase_citizen, show_citizen};
pub(crate) use dead_letters::{list, purge, replay};
pub(crate) use error::CommandError;
pub(crate) use health::health;
pub(crate) use publish::publish;
pub(crate) use results::results;
pub(crate) use retention::delete_old_records;
pub(crate) use service_accounts::Accounts;
pub(crate) use signing_key::{KeyError, signing_key};
pub(crate) use topology::topology;
