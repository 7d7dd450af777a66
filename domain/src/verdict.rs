//! What a registry may say, and what it may fail to say.

/// What the registry answered, kept for the auditor. Evidence of a verdict, never the verdict itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The registry's own status code.
    pub status: u16,
    /// What it said: JSON text of at most 64 KiB.
    pub body: Option<String>,
}

/// The verdict on a citizen. There is no third one: what is not an answer cannot become either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has affiliated this citizen: we may.
    Eligible,
    /// An operator has.
    AlreadyAffiliated,
}

/// Why there is no verdict, later there may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No answer within the deadline.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// No trusted connection.
    Tls,
    /// The registry said "later".
    Overloaded,
    /// It was not asked, because it has failed too often lately.
    BreakerOpen,
    /// It was not asked, because the settings are wrong.
    Misconfigured,
}

impl Cause {
    /// A sentence for records and logs.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Timeout => "the registry did not answer in time",
            Self::Connection => "the registry could not be reached",
            Self::Tls => "the registry could not be reached securely",
            Self::Overloaded => "the registry cannot answer at the moment",
            Self::BreakerOpen => "the registry has failed repeatedly and was not asked",
            Self::Misconfigured => "the registry plugin is not configured",
        }
    }
}
