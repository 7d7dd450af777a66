//! Server addresses in settings, and credentials in connection URLs.

use connectivity_runtime::settings::Reader;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the `host:port` of an address like `scheme://host:port`, the only form that the allowed
/// hosts of a manifest can hold. Any other form is noted as a problem.
pub(crate) fn host_and_port(reader: &mut Reader, name: &str, scheme: &str, address: &str) -> String {
    let server = address.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")).unwrap_or_default();
    let port = server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() || server.contains(['/', '@', '?', '#']) {
        reader.problem(name, &format!("must look like {scheme}://host:port, without user, password or path"));
    }
    server.to_owned()
}

/// Percent-encodes a text for any part of a URL.
pub(crate) fn encode(text: &str) -> impl Display {
    utf8_percent_encode(text, &RESERVED)
}
