//! Static files: compressed where the client accepts it, and not sent again if the client has them.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The content security policy of the page: its own style and script, and requests to this service.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; script-src 'self'; style-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files change with a release, so a browser may use its copy for five minutes.
const CACHED: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));

/// A file that build.rs has prepared.
pub(crate) struct File {
    pub(crate) media_type: &'static str,
    pub(crate) text: &'static str,
    pub(crate) gzip: &'static [u8],
    /// Changes whenever the text does.
    pub(crate) digest: &'static str,
}

/// Embeds a file that build.rs has prepared.
macro_rules! file {
    ($name:literal, $media_type:literal) => {
        crate::file::File {
            media_type: $media_type,
            text: include_str!(concat!(env!("OUT_DIR"), "/", $name)),
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
            digest: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".digest")),
        }
    };
}
pub(crate) use file;

impl File {
    /// Answers a request for the file.
    pub(crate) fn respond(&'static self, request: &HeaderMap) -> Response {
        let gzip = accepts_gzip(request);
        // Each encoding is a representation of its own, with a tag of its own (RFC 9110 section 8.8.3.3).
        let tag = format!("\"{}{}\"", self.digest, if gzip { "-gzip" } else { "" });
        let is_known = has_tag(request, &tag);
        let mut response = match (is_known, gzip) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, true) => ([(header::CONTENT_ENCODING, "gzip")], self.gzip).into_response(),
            (false, false) => self.text.into_response(),
        };
        let headers = response.headers_mut();
        if !is_known {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.extend([CACHED]);
        headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
        response
    }
}

/// Returns the elements of a header that is a list.
fn elements(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Returns whether the client accepts gzip (RFC 9110 section 12.5.3).
fn accepts_gzip(request: &HeaderMap) -> bool {
    let weight = |wanted: &str| {
        elements(request, header::ACCEPT_ENCODING).find_map(|element| {
            let mut parts = element.split(';').map(str::trim);
            let is_it = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(wanted));
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            is_it.then(|| weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or_default()))
        })
    };
    weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

/// Returns whether the client has this representation already (RFC 9110 section 13.1.2, with the weak
/// comparison).
fn has_tag(request: &HeaderMap, tag: &str) -> bool {
    elements(request, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    static FILE: File = File { media_type: "text/plain", text: "long text", gzip: b"short", digest: "d1" };

    async fn respond(headers: &[(HeaderName, &'static str)]) -> (u16, HeaderMap, String) {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let (parts, body) = FILE.respond(&headers).into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn gzip_is_sent_to_those_who_accept_it() {
        for (accepted, is_gzip) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("deflate, *;q=0.1", true),
            ("", false),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("*;q=0", false),
            ("gzip;q=much", false),
            ("gzipped", false),
        ] {
            let (status, headers, body) = respond(&[(header::ACCEPT_ENCODING, accepted)]).await;
            let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
            let expected = if is_gzip { (Some(&b"gzip"[..]), "short") } else { (None, "long text") };
            assert_eq!((status, (encoding, body.as_str())), (200, expected), "{accepted}");
            assert_eq!(headers[header::VARY], "accept-encoding");
        }
    }

    #[tokio::test]
    async fn a_file_that_the_client_has_is_not_sent_again() {
        for (tags, encoding, status) in [
            ("\"d1\"", "", 304),
            ("W/\"d1\"", "", 304),
            ("\"other\", \"d1\"", "", 304),
            ("*", "", 304),
            ("\"d1-gzip\"", "gzip", 304),
            ("\"d1-gzip\"", "", 200),
            ("\"d1\"", "gzip", 200),
            ("d1", "", 200),
            ("\"d0\"", "", 200),
        ] {
            let request = [(header::IF_NONE_MATCH, tags), (header::ACCEPT_ENCODING, encoding)];
            let (found, headers, body) = respond(&request).await;
            assert_eq!((found, body.is_empty()), (status, status == 304), "{tags} {encoding}");
            assert!(headers.contains_key(header::ETAG) && headers.contains_key(header::CACHE_CONTROL));
            assert_eq!(headers.contains_key(header::CONTENT_TYPE), status == 200, "{tags}");
        }
    }
}
