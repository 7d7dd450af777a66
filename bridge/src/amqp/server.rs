//! Where RabbitMQ is, and the credentials for it.

use lapin::uri::AMQPUri;
use reqwest::Url;
use std::net::Ipv6Addr;

/// The virtual host that a URL without one, or with an empty one, means.
const DEFAULT_VHOST: &str = "/";

/// The address of RabbitMQ, with a virtual host and credentials: no `Debug`.
#[derive(Clone)]
pub(crate) struct Server(AMQPUri);

/// What is wrong with an address. The messages complete a sentence that begins with the name of the
/// setting, and repeat no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerProblem {
    #[error("must begin with amqp:// or amqps://")]
    Scheme,
    #[error("must not contain white space or a line end: write the file of a secret with printf %s")]
    WhiteSpace,
    #[error(
        "cannot be read: percent-encode the user name, the password and the virtual host (# is %23, / is %2F, ? is %3F, \
         @ is %40), or set RABBITMQ_HOST, RABBITMQ_USER and RABBITMQ_PASSWORD in its place"
    )]
    NotEncoded,
    #[error("cannot be read: it must look like amqp://user:password@host:5672/vhost")]
    Malformed,
    #[error("must name a host")]
    NoHost,
    #[error("must have a virtual host of one part: write / in it as %2F, and none at its end")]
    Vhost,
    #[error("has a parameter with an invalid value: heartbeat, frame_max and channel_max are numbers")]
    Parameter,
    #[error("must be a host name or an IP address, without a scheme and a port")]
    Host,
}

impl Server {
    /// Parses `amqp://user:password@host:port/vhost`. As other clients do, it reads no virtual host
    /// and an empty one as `/`.
    pub(crate) fn from_url(text: &str) -> Result<Self, ServerProblem> {
        if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(ServerProblem::WhiteSpace);
        }
        let rest = ["amqp://", "amqps://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or(ServerProblem::Scheme)?;
        // A `/`, `?` or `#` that is not encoded in the credentials ends what is read as the host.
        let after_host = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
        if after_host.contains(['@', '#']) {
            return Err(ServerProblem::NotEncoded);
        }
        let url = Url::parse(text).map_err(|_| ServerProblem::Malformed)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ServerProblem::NoHost)?;
        let vhost = match url.path().strip_prefix('/') {
            None | Some("" | "/") => Some(DEFAULT_VHOST.to_owned()),
            Some(vhost) if vhost.contains('/') => return Err(ServerProblem::Vhost),
            Some(_) => None,
        };
        let mut uri: AMQPUri = text.parse().map_err(|_| ServerProblem::Parameter)?;
        if let Some(vhost) = vhost {
            uri.vhost = vhost;
        }
        // The library takes an IPv6 address for localhost.
        if let Some(address) = ipv6(host) {
            uri.authority.host = address;
        }
        Ok(Self(uri))
    }

    /// The same from its parts, which are not encoded.
    pub(crate) fn from_parts(
        [user, password]: [String; 2],
        host: &str,
        port: u16,
        vhost: String,
    ) -> Result<Self, ServerProblem> {
        let is_name = !host.contains(|letter: char| letter.is_whitespace() || ":/@?#[]".contains(letter));
        let mut uri = AMQPUri { vhost, ..AMQPUri::default() };
        uri.authority.host = ipv6(host).or_else(|| is_name.then(|| host.to_owned())).ok_or(ServerProblem::Host)?;
        uri.authority.port = port;
        (uri.authority.userinfo.username, uri.authority.userinfo.password) = (user, password);
        Ok(Self(uri))
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.0.authority.host, self.0.authority.port)
    }

    /// The address as the AMQP library takes it.
    pub(crate) fn uri(&self) -> AMQPUri {
        self.0.clone()
    }
}

/// Returns an IPv6 address without brackets. It may have a zone.
fn ipv6(host: &str) -> Option<String> {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let without_zone = address.split('%').next().unwrap_or(address);
    without_zone.parse::<Ipv6Addr>().is_ok().then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host, port, virtual host, user and password.
    fn read(text: &str) -> Result<String, ServerProblem> {
        let AMQPUri { authority, vhost, .. } = Server::from_url(text)?.uri();
        let (host, port, user) = (authority.host, authority.port, authority.userinfo);
        Ok(format!("{host} {port} {vhost} {} {}", user.username, user.password))
    }

    #[test]
    fn url_is_read_as_other_clients_read_it() {
        for (url, expected) in [
            ("amqp://u:p@host", "host 5672 / u p"),
            ("amqp://u:p@host/", "host 5672 / u p"),
            ("amqp://u:p@host//", "host 5672 / u p"),
            ("amqp://u:p@host/%2f", "host 5672 / u p"),
            ("amqp://u:p@host/%2F", "host 5672 / u p"),
            ("amqp://u:p@host:5673/v", "host 5673 v u p"),
            ("amqp://u:p@host/a%2Fb", "host 5672 a/b u p"),
            ("amqp://u:p@host/?heartbeat=5", "host 5672 / u p"),
            ("amqp://u:p@host?heartbeat=5", "host 5672 / u p"),
            ("amqps://u:p@host/", "host 5671 / u p"),
            ("amqp://u:p@[2001:db8::5]:5673/", "2001:db8::5 5673 / u p"),
            ("amqp://u:p@[::1]", "::1 5672 / u p"),
            ("amqp://u:p@127.0.0.1:5672", "127.0.0.1 5672 / u p"),
            ("amqp://u:a%23b%2Fc%3Fd%40e%25f@host/", "host 5672 / u a#b/c?d@e%f"),
            ("amqp://u:a@b:c[d]@host/", "host 5672 / u a@b:c[d]"),
            ("amqp://u:50%@host/", "host 5672 / u 50%"),
        ] {
            assert_eq!(read(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn problem_says_what_is_wrong_and_repeats_nothing() {
        use ServerProblem::{Malformed, NoHost, NotEncoded, Parameter, Scheme, Vhost, WhiteSpace};
        for (url, expected) in [
            ("amqp://u:hunter#2@host:5672/", NotEncoded),
            ("amqp://u:hunter/2@host:5672/", NotEncoded),
            ("amqp://u:hunter?2@host:5672/", NotEncoded),
            // Each of these would connect to a host named u.
            ("amqp://u:12#2@host:5672/", NotEncoded),
            ("amqp://u:12/2@host:5672/", NotEncoded),
            ("amqp://u:12?2@host:5672/", NotEncoded),
            ("amqp://u:hunter2@host/#", NotEncoded),
            ("amqp://u:hunter2@host:5672/\n", WhiteSpace),
            ("amqp://u:hunter2\r\n@host:5672/", WhiteSpace),
            (" amqp://u:hunter2@host", WhiteSpace),
            ("http://u:hunter2@host", Scheme),
            ("u:hunter2@host", Scheme),
            ("amqp:u:hunter2@host", Scheme),
            ("amqp://u:hunter2@host:port/", Malformed),
            ("amqp://u:hunter2@host:99999/", Malformed),
            ("amqp://u:hunter2@::1/", Malformed),
            ("amqp://u:hunter2@/", NoHost),
            ("amqp://", NoHost),
            ("amqp://u:hunter2@host/a/b", Vhost),
            ("amqp://u:hunter2@host/v/", Vhost),
            ("amqp://u:hunter2@host/?heartbeat=soon", Parameter),
        ] {
            let problem = read(url).expect_err(url);
            // An empty host after credentials is malformed for some versions of the URL standard.
            assert!(problem == expected || (expected, problem) == (NoHost, Malformed), "{url}: {problem}");
            assert!(!problem.to_string().contains("hunter"), "{problem}");
        }
    }

    #[test]
    fn parts_are_taken_as_they_are() {
        let read = |host: &str| {
            let credentials = ["u".to_owned(), "a#b/c@d".to_owned()];
            Server::from_parts(credentials, host, 5672, "/".to_owned()).map(|server| server.uri().authority)
        };
        for (host, expected) in [
            ("host", "host"),
            ("10.0.0.1", "10.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("2001:db8::5", "2001:db8::5"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ] {
            let authority = read(host).expect(host);
            assert_eq!((authority.host.as_str(), authority.userinfo.password.as_str()), (expected, "a#b/c@d"));
        }
        for host in ["host:5672", "amqp://host", "host/", "host\n", "[host]", "u@host", "[::1]:5672"] {
            assert_eq!(read(host).err(), Some(ServerProblem::Host), "{host:?}");
        }
    }
}
