//! The addresses that a component may connect to: `allowed_outbound_hosts` of the manifest.

/// One allowed origin. Without a port in the address, `port` is the scheme's default.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// The origins that a component may connect to.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(Vec<Origin>);

/// An entry of `allowed_outbound_hosts` that this host does not support.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed_outbound_hosts: {0:?} must look like scheme://host:port, without wildcard, user or path")]
pub(crate) struct InvalidEntry(String);

impl AllowedHosts {
    /// Parses the entries, whose templates are resolved already. An empty entry, as of an optional
    /// server without an address, is skipped.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, InvalidEntry> {
        let entries = entries.iter().filter(|entry| !entry.is_empty());
        let origins = entries.map(|entry| {
            let bare = entry.strip_suffix('/').unwrap_or(entry);
            let plain = !bare.contains(['*', '@']) && bare.matches('/').count() == 2;
            origin(bare).filter(|_| plain).ok_or_else(|| InvalidEntry(entry.clone()))
        });
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether a component may connect to `address`.
    pub(crate) fn allows(&self, address: &str) -> bool {
        origin(address).is_some_and(|origin| self.0.contains(&origin))
    }
}

fn origin(address: &str) -> Option<Origin> {
    let (scheme, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    let default = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mysql" => Some(3306),
        "redis" | "rediss" => Some(6379),
        _ => None,
    };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        Some(_) | None => (server, default?),
    };
    let known = !host.is_empty() && !scheme.is_empty();
    known.then(|| Origin { scheme: scheme.to_lowercase(), host: host.to_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_allowed() {
        let entries =
            ["https://registry.example", "http://127.0.0.1:8080/", "", "mysql://db:3306", "rediss://cache:6379"]
                .map(str::to_owned);
        let allowed = AllowedHosts::parse(&entries).expect("origins");
        for (address, expected) in [
            ("https://registry.example/path?query", true),
            ("https://REGISTRY.example:443", true),
            ("http://registry.example", false),
            ("https://registry.example:444", false),
            ("https://registry.example.evil", false),
            ("https://registry.example@evil", false),
            ("https://evil/https://registry.example", false),
            ("http://127.0.0.1:8080/x", true),
            ("http://127.0.0.1", false),
            ("mysql://user:p%40ss@db:3306/name", true),
            ("mysql://user:secret@db:3306/name?ssl-mode=REQUIRED", true),
            ("redis://db:3306", false),
            ("redis://me:secret@cache/1", false),
            ("rediss://me:secret@cache/1", true),
            ("", false),
        ] {
            assert_eq!(allowed.allows(address), expected, "{address}");
        }
    }

    #[test]
    fn an_entry_with_wildcard_user_or_path_is_rejected() {
        for entry in ["*", "https://*.example", "https://a/path", "https://user@a", "a:80", "mysql://"] {
            assert!(AllowedHosts::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }
}
