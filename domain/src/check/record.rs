//! The record of a check (records contract, `affiliation_checks`).

use crate::citizen::CitizenId;
use crate::registry::RegistryError;
use crate::time::Timestamp;
use crate::verdict::{Evidence, Verdict};

/// The registry's answer about a citizen, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affiliation {
    /// No operator has affiliated the citizen.
    None(Evidence),
    /// An operator has affiliated the citizen.
    Affiliated(Evidence),
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// The verdict is that the citizen may be affiliated.
    Eligible,
    /// The verdict is that an operator has affiliated the citizen.
    AlreadyAffiliated,
    /// There is no verdict.
    Error,
}

impl CheckStatus {
    /// Returns the name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eligible => "ELIGIBLE",
            Self::AlreadyAffiliated => "ALREADY_AFFILIATED",
            Self::Error => "ERROR",
        }
    }

    /// Parses a name that [`CheckStatus::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Eligible, Self::AlreadyAffiliated, Self::Error].into_iter().find(|status| status.as_str() == text)
    }

    /// Returns whether an operator has affiliated the citizen; `None` without a verdict.
    pub fn exists_in_system(self) -> Option<bool> {
        match self {
            Self::Eligible => Some(false),
            Self::AlreadyAffiliated => Some(true),
            Self::Error => None,
        }
    }

    /// Returns whether the citizen may be affiliated. Without a verdict the result is false.
    pub fn is_eligible(self) -> bool {
        self == Self::Eligible
    }
}

/// A check that a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRequest {
    /// The id that the record of the check gets.
    pub id: String,
    /// The citizen to ask about.
    pub citizen: CitizenId,
    /// The subject of the caller's token.
    pub requested_by: String,
    /// The id of the request that asked for the check.
    pub request_id: String,
}

/// The record of a check. It can only be constructed from the registry's answer, by
/// [`CheckRecord::from_answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    request: CheckRequest,
    verdict: Option<Verdict>,
    status_code: Option<u16>,
    citizen_data: Option<String>,
    message: String,
    checked_at: Timestamp,
}

impl CheckRecord {
    /// Constructs the record of an answer. Only [`Affiliation::None`] makes the citizen eligible.
    pub fn from_answer(
        request: CheckRequest,
        checked_at: Timestamp,
        answer: &Result<Affiliation, RegistryError>,
    ) -> Self {
        let (verdict, status_code, citizen_data, message) = match answer {
            Ok(Affiliation::None(evidence)) => {
                let message = "no operator has affiliated this citizen".to_owned();
                (Some(Verdict::Eligible), Some(evidence.status), evidence.body.clone(), message)
            }
            Ok(Affiliation::Affiliated(evidence)) => {
                let message = "an operator has affiliated this citizen".to_owned();
                (Some(Verdict::AlreadyAffiliated), Some(evidence.status), evidence.body.clone(), message)
            }
            Err(RegistryError::Unavailable(none)) => {
                let message = format!("{} (attempts: {})", none.cause.describe(), none.attempts);
                (None, none.status, None, message)
            }
            Err(RegistryError::Refused(evidence)) => {
                let message = "the registry rejected the question as invalid".to_owned();
                (None, Some(evidence.status), evidence.body.clone(), message)
            }
            Err(RegistryError::UnexpectedResponse(evidence)) => {
                let message = "the registry's response was not understood".to_owned();
                (None, Some(evidence.status), evidence.body.clone(), message)
            }
        };
        Self { request, verdict, status_code, citizen_data, message, checked_at }
    }

    /// Returns the id of the record.
    pub fn id(&self) -> &str {
        &self.request.id
    }

    /// Returns the id of the citizen.
    pub fn citizen(&self) -> &CitizenId {
        &self.request.citizen
    }

    /// Returns the subject of the caller's token.
    pub fn requested_by(&self) -> &str {
        &self.request.requested_by
    }

    /// Returns the id of the request that asked for the check.
    pub fn request_id(&self) -> &str {
        &self.request.request_id
    }

    /// Returns the result of the check.
    pub fn status(&self) -> CheckStatus {
        match self.verdict {
            Some(Verdict::Eligible) => CheckStatus::Eligible,
            Some(Verdict::AlreadyAffiliated) => CheckStatus::AlreadyAffiliated,
            None => CheckStatus::Error,
        }
    }

    /// Returns the status code of the registry's response, if there was one.
    pub fn status_code(&self) -> Option<u16> {
        self.status_code
    }

    /// Returns the body of the registry's response as JSON text.
    pub fn citizen_data(&self) -> Option<&str> {
        self.citizen_data.as_deref()
    }

    /// Describes the result in a clause that does not contain the id of the citizen.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the time at which the registry had answered.
    pub fn checked_at(&self) -> Timestamp {
        self.checked_at
    }
}

/// A check as it is shown in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheck {
    /// The id of the record.
    pub id: String,
    /// The result of the check.
    pub status: CheckStatus,
    /// A description of the result.
    pub message: String,
    /// When the registry had answered.
    pub checked_at: Timestamp,
    /// The subject of the caller's token; `None` in records from before version 5 of the schema.
    pub requested_by: Option<String>,
}

impl From<&CheckRecord> for StoredCheck {
    fn from(record: &CheckRecord) -> Self {
        Self {
            id: record.id().to_owned(),
            status: record.status(),
            message: record.message().to_owned(),
            checked_at: record.checked_at(),
            requested_by: Some(record.requested_by().to_owned()),
        }
    }
}

/// Everything that is held of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCheck {
    /// What is shown in the history.
    pub check: StoredCheck,
    /// The id of the request that asked for the check; `None` in records from before it was kept.
    pub request_id: Option<String>,
    /// The status code of the registry's response, if there was one.
    pub status_code: Option<u16>,
    /// The body of the registry's response as JSON text.
    pub citizen_data: Option<String>,
}

impl From<&CheckRecord> for HeldCheck {
    fn from(record: &CheckRecord) -> Self {
        Self {
            check: StoredCheck::from(record),
            request_id: Some(record.request_id().to_owned()),
            status_code: record.status_code(),
            citizen_data: record.citizen_data().map(str::to_owned),
        }
    }
}
