//! How a registry or a store may fail, whichever question was asked.

use crate::verdict::{Cause, Evidence};
use std::time::Duration;

/// The registry gave no verdict. The question may be asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoVerdict {
    /// Why there is no verdict.
    pub cause: Cause,
    /// The status code of the registry's last response, if there was one.
    pub status: Option<u16>,
    /// How long to wait before asking again.
    pub retry_after: Duration,
    /// How often the registry was asked during this call.
    pub attempts: u32,
}

/// Why a registry gave no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryError {
    /// The registry could not be reached or is overloaded.
    Unavailable(NoVerdict),
    /// The registry rejected the question as invalid.
    Refused(Evidence),
    /// The registry's response is not part of its contract.
    UnexpectedResponse(Evidence),
}

/// A record could not be written or read. The store logs the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database is unavailable")]
pub struct StoreError;
