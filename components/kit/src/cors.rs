//! Cross-origin requests: which pages may read the answers (the Fetch standard's CORS protocol).
//!
//! There are no credentials in the protocol's sense: callers send a token in a header, never a cookie. So a page can do
//! here only what whoever gave it a token could do anyway.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

/// Every method that some path serves. A path that does not serve it says so itself.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");

/// Every header that some path reads.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, prefer, x-request-id, traceparent, tracestate",
);

/// What a page may read besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, ratelimit, ratelimit-policy, retry-after, location, www-authenticate, preference-applied",
);

/// How long a browser may go by a preflight, in seconds. Browsers cap it at two hours or less.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Which origins may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// `*`
    Any,
    /// These, byte by byte: browsers write an origin in one way only.
    Only(Vec<HeaderValue>),
}

impl Cors {
    /// Reads `*`, or origins separated by commas. Nothing is no CORS: `Some(None)`. What is no origin is `None`.
    pub fn parse(text: &str) -> Option<Option<Self>> {
        let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        match items[..] {
            [] => Some(None),
            ["*"] => Some(Some(Self::Any)),
            _ => items.into_iter().map(origin).collect::<Option<Vec<_>>>().map(|origins| Some(Self::Only(origins))),
        }
    }

    /// The answer to a preflight of an origin that may; none if this is none.
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

    /// Says on an answer who may read it. `asked` are the request's headers.
    pub(crate) fn mark(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        // Also for an origin that may not: a cache must not give its answer to one that may.
        answer.append(VARY, HeaderValue::from_static("origin"));
        if let Some(allowed) = self.allowed(asked) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// What `Access-Control-Allow-Origin` says to this request.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let asking = headers.get(ORIGIN)?;
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Only(origins) => origins.iter().find(|origin| *origin == asking).cloned(),
        }
    }
}

/// An origin as browsers write it (RFC 6454 section 6.2): scheme, host and, unless it is the scheme's own, port.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let written_so = text == format!("{scheme}://{authority}") && text == text.to_ascii_lowercase();
    let sane = !text.contains(['@', '*']) && authority.port_u16() != Some(usual);
    (written_so && sane).then(|| HeaderValue::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_or_refused() {
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

    fn asked(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn only_the_very_origin_may_read() {
        let cors = Cors::Only(vec![HeaderValue::from_static("https://app.example.org")]);
        for (origin, expected) in [
            ("https://app.example.org", Some("https://app.example.org")),
            ("https://app.example.org.evil.example", None),
            ("https://app.example.org:444", None),
            ("http://app.example.org", None),
            ("null", None),
        ] {
            let mut answer = HeaderMap::new();
            cors.mark(&asked(origin), &mut answer);
            let allowed = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).and_then(|value| value.to_str().ok());
            assert_eq!((allowed, &answer[VARY]), (expected, &HeaderValue::from_static("origin")), "{origin}");
        }
    }

    #[test]
    fn a_preflight_is_an_options_that_asks_for_a_method() {
        let mut headers = asked("https://app.example.org");
        assert!(Cors::Any.preflight(&Method::OPTIONS, &headers).is_none());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        assert!(Cors::Any.preflight(&Method::POST, &headers).is_none());
        let response = Cors::Any.preflight(&Method::OPTIONS, &headers).expect("an answer");
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let other = Cors::Only(vec![HeaderValue::from_static("https://other.example.org")]);
        assert!(other.preflight(&Method::OPTIONS, &headers).is_none());
    }
}
