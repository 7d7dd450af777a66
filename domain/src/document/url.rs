//! URLs of documents.

use std::fmt;

/// The longest URL, in characters (records contract).
const MAX_URL: usize = 4096;

/// The location of a document: an absolute `http` or `https` URL without user information.
///
/// The query of the URL is usually a credential, so `Debug` omits it and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentUrl(String);

impl DocumentUrl {
    /// Parses a URL (RFC 3986 section 3). The error says what the URL must look like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() > MAX_URL {
            return Err("must have at most 4096 characters");
        }
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let Some(scheme) = scheme else { return Err("must start with https:// or http://") };
        // Some parsers treat a backslash as a slash, so they would see another host.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("must not contain white space, control characters or backslashes");
        }
        let rest = &text[scheme.len()..];
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("must not contain a user name or password");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() || port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
            return Err("must have a host and, if it has a port, a valid one");
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the whole URL, which may contain a credential.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the URL without its query and fragment.
    pub fn without_query(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }
}

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DocumentUrl({}…)", self.without_query())
    }
}
