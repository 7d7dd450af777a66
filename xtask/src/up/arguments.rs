//! What `up` checks before it builds anything.

use crate::failure::Failure;
use crate::run::program;
use std::fmt::{Display, Formatter};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;

/// The address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address(SocketAddr);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:3000 or [::1]:3000")
    }
}

impl Display for Address {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Address {
    /// Checks that the application will be able to listen here.
    pub(super) fn check_free(self) -> Result<(), Failure> {
        let Err(error) = TcpListener::bind(self.0) else { return Ok(()) };
        Err(Failure(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "port {} is in use by another program: stop that program, or choose another port (--listen {} takes a free one)",
                self.0.port(),
                SocketAddr::new(self.0.ip(), 0)
            ),
            ErrorKind::AddrNotAvailable => format!(
                "{} is not an address of this machine: use --listen 127.0.0.1:{}, or 0.0.0.0:{1} for all addresses",
                self.0.ip(),
                self.0.port()
            ),
            ErrorKind::PermissionDenied => format!(
                "port {} needs root: choose a port above 1023, such as --listen {}",
                self.0.port(),
                SocketAddr::new(self.0.ip(), 3000)
            ),
            _ => format!("cannot listen on {self}: {error}; choose another address with --listen ADDRESS:PORT"),
        }))
    }
}

/// The base URL of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegistryUrl(pub(super) String);

impl FromStr for RegistryUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match authority {
            None => Err("it must begin with https:// or http://"),
            Some("") => Err("the host is missing"),
            // The allowed hosts of a Spin manifest cannot hold a path.
            Some(authority) if authority.contains(['/', '?', '#']) => {
                Err("it must be the scheme, host and port alone, without a path or a slash at the end")
            }
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

/// Checks that Spin is on PATH, and recent enough.
pub(crate) fn check_spin() -> Result<(), Failure> {
    let output = program("spin", &["--version"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if spin_version(&text) >= (4, 1) {
        return Ok(());
    }
    Err(Failure("--spin needs Spin 4.1 or later on PATH; without --spin the local host is used".into()))
}

/// Parses the major and minor version of `spin --version`, such as `spin 4.1.0 (hash date)`.
fn spin_version(text: &str) -> (u32, u32) {
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    let mut numbers = version.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_needs_ip_and_port() {
        for valid in ["127.0.0.1:3000", "[::1]:0"] {
            assert_eq!(valid.parse::<Address>().expect(valid).to_string(), valid);
        }
        for invalid in ["", "3000", "127.0.0.1", "localhost:3000", "http://127.0.0.1:3000", "127.0.0.1:99999"] {
            assert!(invalid.parse::<Address>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn port_in_use_is_reported_with_the_option_to_change() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = Address(listener.local_addr().expect("its address"));
        let Failure(message) = address.check_free().expect_err("the port is in use");
        assert!(message.contains(&address.0.port().to_string()) && message.contains("--listen"), "{message}");
        drop(listener);
        assert!(address.check_free().is_ok());
    }

    #[test]
    fn foreign_address_is_reported_with_the_option_to_change() {
        // TEST-NET-1 (RFC 5737).
        let address = "192.0.2.1:3000".parse::<Address>().expect("an address");
        let Failure(message) = address.check_free().expect_err("the address belongs to another machine");
        assert!(message.contains("--listen 127.0.0.1:3000"), "{message}");
    }

    #[test]
    fn registry_url_is_scheme_host_and_port() {
        for valid in ["https://registry.example", "http://127.0.0.1:8080"] {
            assert_eq!(valid.parse(), Ok(RegistryUrl(valid.to_owned())));
        }
        for invalid in ["registry.example", "ftp://registry.example", "https://", "https://registry.example/apis"] {
            assert!(invalid.parse::<RegistryUrl>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn spin_version_is_parsed() {
        assert_eq!(spin_version("spin 4.1.0 (0123abc 2026-01-01)"), (4, 1));
        assert_eq!(spin_version(""), (0, 0));
    }
}
