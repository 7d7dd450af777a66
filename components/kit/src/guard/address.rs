//! Where a request comes from: the peer, or what proxies that are trusted say of it.

use http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Networks whose word about `X-Forwarded-For` is believed (`trusted_proxies`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Networks {
    /// Reads addresses and CIDR blocks, separated by commas; nothing is no network.
    pub fn parse(text: &str) -> Option<Self> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(Network::parse).collect::<Option<Vec<_>>>().map(Self)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address that a request comes from.
    ///
    /// The host says in the last `spin-client-addr` who its peer is. It adds it to what the caller sent, so those before
    /// it are the caller's own invention (seen on Spin 4.1). Only if the peer is trusted, `X-Forwarded-For` is read, from its end: each proxy adds whom it heard from, so the last address
    /// that is not a trusted proxy's is the client, and what stands before it is the client's own invention.
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
                    // A trusted proxy heard from somebody it cannot name: it is the last one that can be named.
                    None => return Some(client),
                }
            }
        }
        Some(client)
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        (prefix <= bits).then_some(Self { address, prefix })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = u64::from(network.to_bits() ^ address.to_bits());
                differing >> (32 - self.prefix) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whose calls count together: an address of IPv4; of IPv6 the /64, which one subscriber has to itself.
pub fn household(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
            format!("{network}/64")
        }
    }
}

/// `ip`, `ip:port` or `[ip]:port`. An IPv4 address in IPv6's clothes is what it is.
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
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        let nets = "10.0.0.0/8, fd00::/8";
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
            ("0.0.0.0/0, ::/0", "[fe80::1]:1", &["198.51.100.9"], "198.51.100.9"),
        ] {
            assert_eq!(client(trusted, peer, forwarded).as_deref(), Some(expected), "{trusted} {peer} {forwarded:?}");
        }
        assert_eq!(client(nets, "nobody", &["198.51.100.9"]), None);
        let mut claimed = HeaderMap::new();
        for value in ["203.0.113.66:1", "10.1.2.3:1", "192.0.2.1:5000"] {
            claimed.append("spin-client-addr", HeaderValue::from_static(value));
        }
        let found = Networks::parse(nets).expect("networks").client(&claimed);
        assert_eq!(
            found.map(|address| address.to_string()).as_deref(),
            Some("192.0.2.1"),
            "the host's word is the last"
        );
        assert_eq!(Networks::default().client(&HeaderMap::new()), None);
    }

    #[test]
    fn networks_are_read_or_refused() {
        for bad in ["10.0.0.0/33", "fd00::/129", "10.0.0", "10.0.0.0/", "10.0.0.0/x", "localhost", "10.0.0.0/-1", "*"] {
            assert_eq!(Networks::parse(bad), None, "{bad}");
        }
        assert_eq!(Networks::parse(" , "), Some(Networks::default()));
    }

    #[test]
    fn a_household_of_ipv6_is_a_64() {
        let of = |text: &str| household(text.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:aaaa::1"), of("2001:db8:1:2:bbbb::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
