//! Forms and clients of `/oauth/…`.

use crate::oauth_error::OAuthError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use std::borrow::Cow;

/// The most parameters that are read. The longest request that has a meaning here has five.
const MAX_PARAMETERS: usize = 16;

/// The parameters of a form. Those that have a meaning here are not repeated.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = value.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::request("send the body as Content-Type: application/x-www-form-urlencoded"));
        }
        Self::from_pairs(form_urlencoded::parse(body))
    }

    /// Reads the parameters until there are too many, so that a body of many short ones costs no
    /// more than one of a few.
    fn from_pairs<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, OAuthError> {
        let mut form = Self(Vec::new());
        for (name, value) in pairs {
            if form.0.len() == MAX_PARAMETERS {
                return Err(OAuthError::request("the form has more than 16 parameters"));
            }
            // Only `resource` may be repeated (RFC 8707 section 2); it has no meaning here.
            if name != "resource" && form.0.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::request("a parameter is given more than once"));
            }
            form.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(form)
    }

    /// Returns a parameter's value. A parameter without a value counts as missing (RFC 6749 section
    /// 3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The credentials of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// The secret as HTTP Basic has it, if decoding changed it. RFC 6749 section 2.3.1 says that
    /// clients encode it, and most do not.
    raw_secret: Option<String>,
}

impl Client {
    /// Reads the credentials from HTTP Basic or from the form. Giving both is an error (RFC 6749
    /// section 2.3.1); `None` means that neither is given.
    pub(crate) fn read(headers: &HeaderMap, form: &Form) -> Result<Option<Self>, OAuthError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let basic = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(Self::basic(value).ok_or_else(OAuthError::client)?),
            (Some(_), Some(_)) => return Err(OAuthError::request("more than one Authorization header is given")),
        };
        match (basic, form.get("client_id"), form.get("client_secret")) {
            (Some(basic), None, None) => Ok(Some(basic)),
            (Some(basic), Some(id), None) if basic.id == id => Ok(Some(basic)),
            (Some(_), _, _) => {
                Err(OAuthError::request("authenticate either by HTTP Basic or by client_id and client_secret"))
            }
            (None, Some(id), Some(secret)) => {
                Ok(Some(Self { id: id.to_owned(), secret: secret.to_owned(), raw_secret: None }))
            }
            (None, None, None) => Ok(None),
            (None, _, _) => Err(OAuthError::client()),
        }
    }

    fn basic(value: &HeaderValue) -> Option<Self> {
        let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let (id, decoded_secret) = (decoded(id), decoded(secret));
        let raw_secret = (decoded_secret != secret).then(|| secret.to_owned());
        Some(Self { id, secret: decoded_secret, raw_secret })
    }

    /// Returns what the client may have meant as its secret.
    pub(crate) fn spellings(&self) -> Vec<&str> {
        [Some(&self.secret), self.raw_secret.as_ref()].into_iter().flatten().map(String::as_str).collect()
    }
}

/// Decodes the name or the secret of HTTP Basic, which RFC 6749 section 2.3.1 encodes as a form's
/// value.
fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a form, and returns with the error how many parameters were decoded.
    fn read(body: &str) -> Result<usize, (usize, OAuthError)> {
        let mut decoded = 0;
        let form = Form::from_pairs(form_urlencoded::parse(body.as_bytes()).inspect(|_| decoded += 1));
        form.map(|form| form.0.len()).map_err(|error| (decoded, error))
    }

    #[test]
    fn a_form_is_read_only_until_it_has_too_many_parameters() {
        let numbered = |count: usize| (0..count).map(|number| format!("p{number}=v")).collect::<Vec<_>>().join("&");
        assert!(matches!(read(&numbered(16)), Ok(16)));
        for body in [numbered(17), numbered(6_000)] {
            assert!(matches!(read(&body), Err((17, _))), "{} bytes", body.len());
        }
        assert!(matches!(read(&"a&".repeat(32 * 1024)), Err((2, _))), "a repeated parameter ends the reading too");
        assert!(matches!(read("resource=a&resource=b"), Ok(2)));
    }
}
