//! How a job ends.

use crate::registry::RegistryError;
use crate::verdict::Evidence;

/// The state of a job. It starts as `Pending`; the other states are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is no verdict yet.
    Pending,
    /// The registry gave the positive verdict: the document is authentic, for example.
    Success,
    /// The registry gave the negative verdict.
    Failed,
    /// The request was given up without a verdict.
    Error,
}

impl Status {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Success, Self::Failed, Self::Error];

    /// Returns the name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
        }
    }

    /// Parses a name that [`Status::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns whether the state is final.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending => false,
            Self::Success | Self::Failed | Self::Error => true,
        }
    }

    /// Returns whether the verdict is positive; `None` without a verdict.
    pub fn verdict(self) -> Option<bool> {
        match self {
            Self::Success => Some(true),
            Self::Failed => Some(false),
            Self::Pending | Self::Error => None,
        }
    }
}

/// The verdict of a registry on the question of a job.
pub trait Verdict: Send {
    /// Describes the negative verdict in a clause.
    const NEGATIVE: &'static str;

    /// Returns whether the verdict is positive.
    fn is_positive(&self) -> bool;

    /// Returns the registry's response.
    fn evidence(&self) -> &Evidence;
}

/// The result of a job. It is constructed from the registry's answer, by [`Outcome::from_answer`], or
/// it is an error, so that nothing but a positive verdict can become a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    status: Status,
    status_code: Option<u16>,
    response: Option<String>,
    message: Option<String>,
}

impl Outcome {
    /// Constructs the outcome of an answer.
    pub fn from_answer<V: Verdict>(answer: &Result<V, RegistryError>) -> Self {
        let (status, evidence, message) = match answer {
            Ok(verdict) if verdict.is_positive() => (Status::Success, verdict.evidence(), None),
            Ok(verdict) => (Status::Failed, verdict.evidence(), Some(V::NEGATIVE)),
            Err(RegistryError::Refused(evidence)) => {
                (Status::Error, evidence, Some("the registry rejected the question as invalid"))
            }
            Err(RegistryError::UnexpectedResponse(evidence)) => {
                (Status::Error, evidence, Some("the registry's response was not understood"))
            }
            Err(RegistryError::Unavailable(none)) => {
                let message = Some(none.cause.describe().to_owned());
                return Self { status: Status::Error, status_code: none.status, response: None, message };
            }
        };
        let message = message.map(str::to_owned);
        Self { status, status_code: Some(evidence.status), response: evidence.body.clone(), message }
    }

    /// The outcome of a request that left the queue before it was processed.
    pub fn removed() -> Self {
        let message = Some("the request was removed from the queue before it was processed".to_owned());
        Self { status: Status::Error, status_code: None, response: None, message }
    }

    /// Returns the final state.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the status code of the registry's response, if there was one.
    pub fn status_code(&self) -> Option<u16> {
        self.status_code
    }

    /// Returns the body of the registry's response as JSON text.
    pub fn response(&self) -> Option<&str> {
        self.response.as_deref()
    }

    /// Describes why the outcome is not a success.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}
