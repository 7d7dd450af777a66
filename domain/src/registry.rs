//! How a registry, whatever it was asked, may fail to answer.

use crate::verdict::{Cause, Evidence};
use std::time::Duration;

/// No verdict: the question may be asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoVerdict {
    /// Why.
    pub cause: Cause,
    /// The registry's last status, if it answered at all.
    pub status: Option<u16>,
    /// When to ask again.
    pub retry_after: Duration,
    /// How often the registry was asked.
    pub attempts: u32,
}

/// Every way in which a registry fails to give a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryError {
    /// Later, perhaps.
    Unavailable(NoVerdict),
    /// It refused the question.
    Refused(Evidence),
    /// It answered outside its contract.
    UnexpectedResponse(Evidence),
}

/// Why a record could not be written or read. The cause is logged where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the records cannot be reached")]
pub struct StoreError;
