//! What a token may be used for.

use std::fmt;

/// One permission (API contract, scopes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The service accounts.
    Admin,
    /// Checks of affiliation.
    Affiliation,
    /// What the bridge does.
    Bridge,
    /// The authentication of documents.
    Documents,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Affiliation, Self::Bridge, Self::Documents];

    /// Its name in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Affiliation => "affiliation",
            Self::Bridge => "bridge",
            Self::Documents => "documents",
        }
    }
}

/// Some of them: each once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// A name that is none of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scopes are affiliation, documents, bridge and admin, each at most once")]
pub struct ScopeError;

impl Scopes {
    /// Reads a list of names separated by single blanks (RFC 6749 section 3.3).
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let names = if text.is_empty() { Vec::new() } else { text.split(' ').collect() };
        Self::from_names(&names)
    }

    /// Reads names.
    pub fn from_names(names: &[impl AsRef<str>]) -> Result<Self, ScopeError> {
        let scope = |name: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(ScopeError);
        let mut scopes = names.iter().map(|name| scope(name.as_ref())).collect::<Result<Vec<_>, _>>()?;
        scopes.sort_unstable();
        let count = scopes.len();
        scopes.dedup();
        if scopes.len() == count { Ok(Self(scopes)) } else { Err(ScopeError) }
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Are all of them among the others?
    pub fn within(&self, others: &Self) -> bool {
        self.0.iter().all(|scope| others.0.contains(scope))
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(" "))
    }
}
