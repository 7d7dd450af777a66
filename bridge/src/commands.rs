//! The commands of an operator: look at the queues, publish requests, handle dead letters and
//! service accounts.

mod dead_letters;
mod error;
mod requests;
mod service_accounts;
mod signing_key;
mod topology;

pub(crate) use dead_letters::{list, purge, replay};
pub(crate) use error::CommandError;
pub(crate) use requests::{lines, publish, results};
pub(crate) use service_accounts::{AccountError, Accounts};
pub(crate) use signing_key::{KeyError, signing_key};
pub(crate) use topology::topology;
