//! Where a component may connect to: `scheme://host:port`, all else is refused.

/// One allowed origin. The port is that of the scheme where none is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// All that a component may reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(Vec<Origin>);

/// An entry of `allowed_outbound_hosts` that this host does not understand.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed_outbound_hosts: {0:?} must look like scheme://host:port, without wildcard, user or path")]
pub(crate) struct NotAnOrigin(String);

impl AllowedHosts {
    /// Reads the entries, their templates already resolved; an empty one (an optional server that is not set) is none.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, NotAnOrigin> {
        let entries = entries.iter().filter(|entry| !entry.is_empty());
        let origins = entries.map(|entry| {
            let bare = entry.strip_suffix('/').unwrap_or(entry);
            let plain = !bare.contains(['*', '@']) && bare.matches('/').count() == 2;
            origin(bare).filter(|_| plain).ok_or_else(|| NotAnOrigin(entry.clone()))
        });
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// May this address be connected to?
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
        "redis" => Some(6379),
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
    fn only_what_is_listed_is_allowed() {
        let entries = ["https://registry.example", "http://127.0.0.1:8080/", "", "mysql://db:3306"].map(str::to_owned);
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
            ("redis://db:3306", false),
            ("", false),
        ] {
            assert_eq!(allowed.allows(address), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for entry in ["*", "https://*.example", "https://a/path", "https://user@a", "a:80", "mysql://"] {
            assert!(AllowedHosts::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }
}
