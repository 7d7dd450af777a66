//! Verdicts of a registry, their evidence, and the reasons for having none.

/// The response of the registry, recorded as evidence of a verdict. It never decides the verdict:
/// the plugin has done that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The status code of the registry's response.
    pub status: u16,
    /// The response body: JSON text of at most 64 KiB.
    pub body: Option<String>,
}

/// The verdict on the affiliation of a citizen. A failure to answer is a
/// [`RegistryError`](crate::registry::RegistryError) and cannot become a verdict.
///
/// ```
/// use connectivity_domain::check::{Affiliation, CheckRecord, CheckRequest, CheckStatus};
/// use connectivity_domain::check::{NoVerdict, RegistryError};
/// use connectivity_domain::citizen::CitizenId;
/// use connectivity_domain::time::Timestamp;
/// use connectivity_domain::verdict::{Cause, Evidence};
/// use std::time::Duration;
///
/// let status = |answer| {
///     let citizen = CitizenId::parse("1128456232").expect("a valid id");
///     let (requested_by, request_id) = ("operator".into(), "order-7".into());
///     let request = CheckRequest { id: "id".into(), citizen, requested_by, request_id };
///     CheckRecord::from_answer(request, Timestamp::from_micros(0), &answer).status()
/// };
/// let evidence = Evidence { status: 204, body: None };
/// assert_eq!(status(Ok(Affiliation::None(evidence))), CheckStatus::Eligible);
///
/// let timeout = NoVerdict { cause: Cause::Timeout, status: None, retry_after: Duration::ZERO, attempts: 3 };
/// assert_eq!(status(Err(RegistryError::Unavailable(timeout))), CheckStatus::Error);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No operator has affiliated the citizen.
    Eligible,
    /// An operator has affiliated the citizen.
    AlreadyAffiliated,
}

/// Why the registry gave no verdict. Asking again later may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The registry did not answer before the deadline.
    Timeout,
    /// The connection could not be opened, or was lost.
    Connection,
    /// The TLS handshake failed, for example because the certificate is not trusted.
    Tls,
    /// The registry answered with a status that means "try again later", or with a page that is not
    /// its own.
    Overloaded,
    /// The circuit breaker is open, so the registry was not asked.
    BreakerOpen,
    /// The settings of the plugin are invalid, so the registry was not asked.
    Misconfigured,
}

impl Cause {
    /// Returns whether the registry was asked.
    pub fn was_asked(self) -> bool {
        match self {
            Self::Timeout | Self::Connection | Self::Tls | Self::Overloaded => true,
            Self::BreakerOpen | Self::Misconfigured => false,
        }
    }

    /// Describes the cause in a clause, for records and logs.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Timeout => "the registry did not answer in time",
            Self::Connection => "the registry could not be reached",
            Self::Tls => "no secure connection to the registry could be established",
            Self::Overloaded => "the registry is overloaded or failing",
            Self::BreakerOpen => "the registry has failed repeatedly and was not asked",
            Self::Misconfigured => "the settings of the registry plugin are invalid",
        }
    }
}
