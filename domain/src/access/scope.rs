//! OAuth scopes.

use std::fmt;

/// One permission (API contract, scopes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Manage service accounts.
    Admin,
    /// Check the affiliation of citizens.
    Affiliation,
    /// Deliver queued requests and read the outbox. Only the bridge needs it.
    Bridge,
    /// Authenticate documents.
    Documents,
}

impl Scope {
    /// All scopes, in the order in which [`Scopes`] lists them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Affiliation, Self::Bridge, Self::Documents];

    /// Returns the name of the scope in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Affiliation => "affiliation",
            Self::Bridge => "bridge",
            Self::Documents => "documents",
        }
    }
}

/// A set of scopes, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// A name is not a known scope, or appears twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scopes must be among affiliation, documents, bridge and admin, each at most once")]
pub struct ScopeError;

impl Scopes {
    /// Parses names separated by single spaces (RFC 6749 section 3.3). The empty text has no
    /// scopes.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let names = if text.is_empty() { Vec::new() } else { text.split(' ').collect() };
        Self::from_names(&names)
    }

    /// Parses a list of names.
    pub fn from_names(names: &[impl AsRef<str>]) -> Result<Self, ScopeError> {
        let scope = |name: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(ScopeError);
        let mut scopes = names.iter().map(|name| scope(name.as_ref())).collect::<Result<Vec<_>, _>>()?;
        scopes.sort_unstable();
        let count = scopes.len();
        scopes.dedup();
        if scopes.len() == count { Ok(Self(scopes)) } else { Err(ScopeError) }
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether all these scopes are among `others`.
    pub fn within(&self, others: &Self) -> bool {
        self.0.iter().all(|scope| others.0.contains(scope))
    }

    /// Returns the names of the scopes.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(" "))
    }
}
