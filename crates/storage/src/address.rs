//! Server addresses in settings, and credentials in connection URLs.

use connectivity_runtime::settings::Reader;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the scheme, which is one of `schemes`, and the `host:port` of an address like
/// `scheme://host:port`, the only form that the allowed hosts of a manifest can hold. Any other form is
/// noted as a problem.
pub(crate) fn parse<'a>(
    reader: &mut Reader,
    name: &str,
    schemes: &[&'static str],
    address: &'a str,
) -> (&'static str, &'a str) {
    let (scheme, server) = address.split_once("://").unwrap_or_default();
    let scheme = schemes.iter().copied().find(|known| *known == scheme);
    let port = server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if scheme.is_none() || port.is_none() || server.contains(['/', '@', '?', '#']) {
        let forms = schemes.iter().map(|scheme| format!("{scheme}://host:port")).collect::<Vec<_>>().join(" or ");
        reader.problem(name, &format!("must look like {forms}, without user, password or path"));
    }
    (scheme.unwrap_or_default(), server)
}

/// Percent-encodes a text for any part of a URL.
pub(crate) fn encode(text: &str) -> impl Display {
    utf8_percent_encode(text, &RESERVED)
}
