//! Cross-origin requests: which web pages may read responses (the CORS protocol of the Fetch
//! standard).
//!
//! There are no credentials in the sense of the protocol: callers send a token in a header, never a
//! cookie. So a page gains nothing that the owner of its token could not do anyway.

use axum::response::{IntoResponse, Response};
use connectivity_runtime::settings::Reader;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

/// Every method that some path supports. A path that does not support one says so itself.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");

/// Every request header that some path reads.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, prefer, x-request-id, traceparent, tracestate",
);

/// The response headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, ratelimit, ratelimit-policy, retry-after, location, www-authenticate, preference-applied",
);

/// How long a browser may cache a preflight response, in seconds. Browsers cap it at two hours or
/// less.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins whose pages may read responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// All origins (`*`).
    Any,
    /// These origins, compared byte by byte: browsers write an origin in one way only.
    Only(Vec<HeaderValue>),
}

impl Cors {
    /// Parses `*`, or origins that are separated by commas. An empty text means no CORS and returns
    /// `Some(None)`. An invalid origin returns `None`.
    ///
    /// ```
    /// use connectivity_edge::cors::Cors;
    ///
    /// assert_eq!(Cors::parse("*"), Some(Some(Cors::Any)));
    /// assert_eq!(Cors::parse(""), Some(None));
    /// assert_eq!(Cors::parse("https://app.example.org/path"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Option<Self>> {
        let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        match items[..] {
            [] => Some(None),
            ["*"] => Some(Some(Self::Any)),
            _ => items.into_iter().map(origin).collect::<Option<Vec<_>>>().map(|origins| Some(Self::Only(origins))),
        }
    }

    /// Reads `cors_allowed_origins`; `None` if no page of another origin may read responses.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        Self::parse(&reader.text("cors_allowed_origins")).unwrap_or_else(|| {
            let form = "must be * or origins like https://app.example.org (no path), separated by commas";
            reader.problem("cors_allowed_origins", form);
            None
        })
    }

    /// Returns the response to a preflight request of an allowed origin; `None` for any other
    /// request.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.allowed(headers)?;
        let rules = [
            (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        Some((StatusCode::NO_CONTENT, rules).into_response())
    }

    /// Adds to the headers of a response which origin may read it.
    pub(crate) fn mark(&self, request: &HeaderMap, response: &mut HeaderMap) {
        // Also for an origin that is not allowed: a cache must not give its response to one that
        // is.
        response.append(VARY, HeaderValue::from_static("origin"));
        if let Some(allowed) = self.allowed(request) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// Returns the value of `Access-Control-Allow-Origin` for a request.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let requested = headers.get(ORIGIN)?;
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Only(origins) => origins.iter().find(|origin| *origin == requested).cloned(),
        }
    }
}

/// Parses an origin as browsers write it (RFC 6454 section 6.2): scheme, host, and the port unless
/// it is the scheme's default.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let is_canonical = text == format!("{scheme}://{authority}") && text == text.to_ascii_lowercase();
    let is_plain = !text.contains(['@', '*']) && authority.port_u16() != Some(default_port);
    (is_canonical && is_plain).then(|| HeaderValue::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_parsed_or_rejected() {
        assert_eq!(Cors::parse(""), Some(None));
        assert_eq!(Cors::parse(" * "), Some(Some(Cors::Any)));
        let two = ["https://app.example.org", "http://localhost:8080"].map(HeaderValue::from_static).to_vec();
        assert_eq!(Cors::parse("https://app.example.org, http://localhost:8080"), Some(Some(Cors::Only(two))));
        for bad in [
            "app.example.org",
            "https://app.example.org/",
            "https://app.example.org/path",
            "https://App.example.org",
            "https://app.example.org:443",
            "http://app.example.org:80",
            "https://*.example.org",
            "https://me@example.org",
            "https://app.example.org?",
            "ftp://example.org",
            "null",
            "*, https://app.example.org",
        ] {
            assert_eq!(Cors::parse(bad), None, "{bad}");
        }
    }

    fn headers_of(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn only_the_exact_origin_is_allowed() {
        let cors = Cors::Only(vec![HeaderValue::from_static("https://app.example.org")]);
        for (origin, expected) in [
            ("https://app.example.org", Some("https://app.example.org")),
            ("https://app.example.org.evil.example", None),
            ("https://app.example.org:444", None),
            ("http://app.example.org", None),
            ("null", None),
        ] {
            let mut response = HeaderMap::new();
            cors.mark(&headers_of(origin), &mut response);
            let allowed = response.get(ACCESS_CONTROL_ALLOW_ORIGIN).and_then(|value| value.to_str().ok());
            assert_eq!((allowed, &response[VARY]), (expected, &HeaderValue::from_static("origin")), "{origin}");
        }
    }

    #[test]
    fn preflight_is_an_options_request_that_names_a_method() {
        let mut headers = headers_of("https://app.example.org");
        assert!(Cors::Any.preflight(&Method::OPTIONS, &headers).is_none());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        assert!(Cors::Any.preflight(&Method::POST, &headers).is_none());
        let response = Cors::Any.preflight(&Method::OPTIONS, &headers).expect("an answer");
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let other = Cors::Only(vec![HeaderValue::from_static("https://other.example.org")]);
        assert!(other.preflight(&Method::OPTIONS, &headers).is_none());
    }
}
