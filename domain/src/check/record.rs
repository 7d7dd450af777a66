//! The record of a check (records contract, `affiliation_checks`).

use super::{Affiliation, RegistryError};
use crate::citizen::CitizenId;
use crate::time::Timestamp;
use crate::verdict::Verdict;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// With the verdict "eligible".
    Eligible,
    /// With the verdict "already affiliated".
    AlreadyAffiliated,
    /// Without a verdict.
    Error,
}

impl CheckStatus {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eligible => "ELIGIBLE",
            Self::AlreadyAffiliated => "ALREADY_AFFILIATED",
            Self::Error => "ERROR",
        }
    }

    /// Reads what [`CheckStatus::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Eligible, Self::AlreadyAffiliated, Self::Error].into_iter().find(|status| status.as_str() == text)
    }

    /// Is the citizen known to an operator? Unknown where there is no verdict.
    pub fn exists_in_system(self) -> Option<bool> {
        match self {
            Self::Eligible => Some(false),
            Self::AlreadyAffiliated => Some(true),
            Self::Error => None,
        }
    }

    /// May we affiliate the citizen? Without a verdict: no.
    pub fn is_eligible(self) -> bool {
        self == Self::Eligible
    }
}

/// One check, as it is recorded. It can only be made of what the registry answered, by [`CheckRecord::from_answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    id: String,
    citizen: CitizenId,
    verdict: Option<Verdict>,
    status_code: Option<u16>,
    citizen_data: Option<String>,
    message: String,
    checked_at: Timestamp,
}

impl CheckRecord {
    /// The record of an outcome. Only a registry that said "none" makes it eligible.
    pub fn from_answer(
        id: String,
        checked_at: Timestamp,
        citizen: CitizenId,
        outcome: &Result<Affiliation, RegistryError>,
    ) -> Self {
        let (verdict, status_code, citizen_data, message) = match outcome {
            Ok(Affiliation::None(evidence)) => {
                let message = "no operator has affiliated this citizen".to_owned();
                (Some(Verdict::Eligible), Some(evidence.status), evidence.body.clone(), message)
            }
            Ok(Affiliation::Affiliated(evidence)) => {
                let message = "an operator has affiliated this citizen".to_owned();
                (Some(Verdict::AlreadyAffiliated), Some(evidence.status), evidence.body.clone(), message)
            }
            Err(RegistryError::Unavailable(none)) => {
                let message = format!("{} (tries: {})", none.cause.describe(), none.attempts);
                (None, none.status, None, message)
            }
            Err(RegistryError::Refused(evidence)) => {
                let message = "the registry refused the question".to_owned();
                (None, Some(evidence.status), evidence.body.clone(), message)
            }
            Err(RegistryError::UnexpectedResponse(evidence)) => {
                let message = "the registry's answer cannot be understood".to_owned();
                (None, Some(evidence.status), evidence.body.clone(), message)
            }
        };
        Self { id, citizen, verdict, status_code, citizen_data, message, checked_at }
    }

    /// The record's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who was asked about.
    pub fn citizen(&self) -> &CitizenId {
        &self.citizen
    }

    /// How the check ended.
    pub fn status(&self) -> CheckStatus {
        match self.verdict {
            Some(Verdict::Eligible) => CheckStatus::Eligible,
            Some(Verdict::AlreadyAffiliated) => CheckStatus::AlreadyAffiliated,
            None => CheckStatus::Error,
        }
    }

    /// The registry's own status code, if it answered.
    pub fn status_code(&self) -> Option<u16> {
        self.status_code
    }

    /// What the registry said, JSON text.
    pub fn citizen_data(&self) -> Option<&str> {
        self.citizen_data.as_deref()
    }

    /// A sentence about how it ended, without the citizen's id.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// When the registry had answered.
    pub fn checked_at(&self) -> Timestamp {
        self.checked_at
    }
}

/// A check as the history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheck {
    /// The record's id.
    pub id: String,
    /// How the check ended.
    pub status: CheckStatus,
    /// A sentence about it.
    pub message: String,
    /// When.
    pub checked_at: Timestamp,
}
