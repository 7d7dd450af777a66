//! Where the components are, and the credentials for their API.

use super::kind::Text;
use super::reader::Reader;
use super::setting::Setting;
use super::table;

/// The shortest key that signs access tokens, in bytes (RFC 7518 section 3.2).
const SHORTEST_KEY: usize = 32;

/// How a caller of the components' API proves who it is. Holds secrets: no `Debug`.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// A service account: access tokens by client credentials (RFC 6749 section 4.4).
    Client { id: String, secret: String },
    /// The HS256 key of the components: the caller signs its access tokens.
    Secret { secret: String, issuer: String, audience: String },
}

/// Reads the base URL of the components' API. It has no trailing slash.
pub(super) fn url(reader: &mut Reader) -> Option<String> {
    reader.required(&table::COMPONENTS_URL).map(|url| url.trim_end_matches('/').to_owned())
}

/// Reads a service account, or else the key.
pub(super) fn credentials(reader: &mut Reader, id: &Setting<Text>, secret: &Setting<Text>) -> Option<Credentials> {
    if let Some(id) = reader.optional(id) {
        let secret = reader.required(secret)?;
        return Some(Credentials::Client { id, secret });
    }
    let key = reader.optional(&table::JWT_SECRET).filter(|key| key.len() >= SHORTEST_KEY);
    if key.is_none() {
        let (id, secret, key) = (id.name, secret.name, table::JWT_SECRET.name);
        let otherwise = format!("(or {key}, for development, to at least {SHORTEST_KEY} bytes)");
        reader.report(format!("{id} and {secret} must be set {otherwise}"));
    }
    let (issuer, audience) = (reader.required(&table::JWT_ISSUER), reader.required(&table::JWT_AUDIENCE));
    Some(Credentials::Secret { secret: key?, issuer: issuer?, audience: audience? })
}
