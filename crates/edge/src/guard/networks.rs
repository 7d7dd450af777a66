//! The address that a request comes from: the peer's, or the one that trusted proxies report.

use http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The networks of proxies whose `X-Forwarded-For` is trusted (`trusted_proxies`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Parses addresses and CIDR blocks that are separated by commas. The empty text is no network.
    ///
    /// A block with more than 256 IPv4 addresses, or more than one IPv6 subnet, is refused unless all
    /// of it is this machine: every host in it could claim to be any client.
    ///
    /// ```
    /// use connectivity_edge::guard::Networks;
    ///
    /// assert!(Networks::parse("192.0.2.0/24, fd00::1").is_some());
    /// assert!(Networks::parse("10.0.0.0/8").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| network(item).filter(is_narrow)).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Returns the address that a request comes from.
    ///
    /// The host appends its peer as the last `spin-client-addr`; earlier ones were sent by the
    /// caller and are ignored (measured on Spin 4.1). If the peer is a trusted proxy,
    /// `X-Forwarded-For` is read from its end. Each proxy appends the address that it was called
    /// from, so the last address that is not a trusted proxy's is the client. Addresses before it
    /// may be forged.
    pub fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = headers.get_all("spin-client-addr").iter().next_back();
        let mut client = peer.and_then(|value| address(value.to_str().ok()?))?;
        for value in headers.get_all("x-forwarded-for").iter().rev() {
            for hop in value.to_str().unwrap_or_default().rsplit(',') {
                if !self.contain(client) {
                    return Some(client);
                }
                match address(hop.trim()) {
                    Some(before) => client = before,
                    // The trusted proxy does not know its caller's address, so the proxy counts as
                    // the client.
                    None => return Some(client),
                }
            }
        }
        Some(client)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_narrow(network: &IpNet) -> bool {
    let longest = if network.addr().is_ipv4() { 24 } else { 64 };
    network.prefix_len() >= longest || (network.addr().is_loopback() && network.prefix_len() >= 8)
}

/// Parses `ip`, `ip:port` or `[ip]:port`. An IPv4 address that is mapped to IPv6 becomes IPv4.
fn address(text: &str) -> Option<IpAddr> {
    let socket = text.parse::<SocketAddr>().map(|socket| socket.ip());
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    socket.or_else(|_| bare.parse()).ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("spin-client-addr", HeaderValue::from_str(peer).expect("a value"));
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).expect("a value"));
        }
        Networks::parse(trusted).expect("networks").client(&headers).map(|address| address.to_string())
    }

    #[test]
    fn client_is_the_last_address_that_is_not_a_trusted_proxy() {
        let nets = "10.1.2.0/24, 10.1.1.0/24, 10.9.9.9, 10.0.0.2, fd00::/64";
        for (trusted, peer, forwarded, expected) in [
            ("", "192.0.2.1:5000", &["198.51.100.9"][..], "192.0.2.1"),
            (nets, "192.0.2.1:5000", &["198.51.100.9"], "192.0.2.1"),
            (nets, "10.1.2.3:5000", &["198.51.100.9"], "198.51.100.9"),
            (nets, "10.1.2.3:5000", &["203.0.113.7, 198.51.100.9, 10.9.9.9"], "198.51.100.9"),
            (nets, "10.1.2.3:5000", &["203.0.113.7", "198.51.100.9", " 10.9.9.9 "], "198.51.100.9"),
            (nets, "10.1.2.3:5000", &[], "10.1.2.3"),
            (nets, "10.1.2.3:5000", &["10.1.1.1, 10.1.1.2"], "10.1.1.1"),
            (nets, "10.1.2.3:5000", &["198.51.100.9, unknown"], "10.1.2.3"),
            (nets, "10.1.2.3:5000", &["198.51.100.9, unknown, 10.0.0.2"], "10.0.0.2"),
            (nets, "10.1.2.3:5000", &[""], "10.1.2.3"),
            (nets, "[fd00::1]:5000", &["[2001:db8::5]:443"], "2001:db8::5"),
            (nets, "[::ffff:10.1.2.3]:5000", &["198.51.100.9:80"], "198.51.100.9"),
            ("10.1.2.3", "10.1.2.3:1", &["198.51.100.9"], "198.51.100.9"),
            ("10.1.2.3", "10.1.2.4:1", &["198.51.100.9"], "10.1.2.4"),
        ] {
            assert_eq!(client(trusted, peer, forwarded).as_deref(), Some(expected), "{trusted} {peer} {forwarded:?}");
        }
        assert_eq!(client(nets, "no address", &["198.51.100.9"]), None);
        assert_eq!(Networks::default().client(&HeaderMap::new()), None);
    }

    #[test]
    fn only_the_last_peer_header_is_trusted() {
        let mut headers = HeaderMap::new();
        for value in ["203.0.113.66:1", "10.1.2.3:1", "192.0.2.1:5000"] {
            headers.append("spin-client-addr", HeaderValue::from_static(value));
        }
        let client = Networks::parse("10.1.2.0/24").expect("networks").client(&headers);
        assert_eq!(client, Some("192.0.2.1".parse().expect("an address")));
    }

    #[test]
    fn networks_are_parsed_or_rejected() {
        for bad in ["10.0.0.0/33", "fd00::/129", "10.0.0", "10.0.0.0/", "10.0.0.0/x", "localhost", "10.0.0.0/-1", "*"] {
            assert_eq!(Networks::parse(bad), None, "{bad}");
        }
        assert_eq!(Networks::parse(" , "), Some(Networks::default()));
        for wide in ["10.0.0.0/8", "10.1.0.0/23", "0.0.0.0/0", "fd00::/63", "::/0", "::ffff:10.0.0.0/60", "127.0.0.0/7"]
        {
            assert_eq!(Networks::parse(wide), None, "{wide}");
        }
        for narrow in ["10.1.2.0/24", "10.1.2.3", "fd00::/64", "fd00::1", "127.0.0.0/8", "::1"] {
            assert!(Networks::parse(narrow).is_some(), "{narrow}");
        }
    }
}
