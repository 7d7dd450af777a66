//! What identifies one request in responses, logs and traces.

use http::HeaderMap;

/// The longest `tracestate` that is passed on, in bytes (W3C Trace Context section 3.3.1.5).
const MAX_TRACESTATE: usize = 512;

/// The request id and the trace context of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The caller's `X-Request-Id` if it is well-formed, else a new id.
    pub request_id: String,
    /// The caller's `traceparent` if it is well-formed (W3C Trace Context).
    pub traceparent: Option<String>,
    /// The caller's `tracestate`; always `None` without a `traceparent`.
    pub tracestate: Option<String>,
}

impl RequestContext {
    /// Reads the context from request headers. `new_id` makes the request id if the caller sent none
    /// that is well-formed: 1 to 128 ASCII letters, digits and `-_.:`.
    ///
    /// ```
    /// use connectivity_runtime::request_context::RequestContext;
    /// use http::{HeaderMap, HeaderValue};
    ///
    /// let headers = HeaderMap::from_iter([("x-request-id".parse().unwrap(), HeaderValue::from_static("order-7"))]);
    /// let context = RequestContext::from_headers(&headers, || "generated".to_owned());
    /// assert_eq!(context.request_id, "order-7");
    ///
    /// let context = RequestContext::from_headers(&HeaderMap::new(), || "generated".to_owned());
    /// assert_eq!(context.request_id, "generated");
    /// ```
    pub fn from_headers(headers: &HeaderMap, new_id: impl FnOnce() -> String) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let traceparent = text("traceparent").filter(|value| is_traceparent(value)).map(str::to_owned);
        let tracestate = text("tracestate")
            .filter(|value| traceparent.is_some() && value.len() <= MAX_TRACESTATE)
            .map(str::to_owned);
        let request_id = text("x-request-id").filter(|id| is_request_id(id)).map_or_else(new_id, str::to_owned);
        Self { request_id, traceparent, tracestate }
    }

    /// Returns the trace id, the second field of `traceparent`.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref().and_then(|value| value.get(3..35))
    }
}

/// A caller's id is copied into logs and headers, so only short ids of harmless characters are taken.
fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// `version-traceid-parentid-flags` in lower-case hex (W3C Trace Context section 3.2.2).
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    matches!(parts[..], [version, trace, parent, flags]
        if hex(version, 2) && version != "ff" && hex(trace, 32) && !zero(trace) && hex(parent, 16) && !zero(parent) && hex(flags, 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn context_with(name: &'static str, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a header"));
        RequestContext::from_headers(&headers, || "generated".into())
    }

    #[test]
    fn request_id_is_taken_only_if_it_is_well_formed() {
        assert_eq!(context_with("x-request-id", "abc-1.2:3_4").request_id, "abc-1.2:3_4");
        for bad in ["", "a b", "a\"b", "é", &"x".repeat(129)] {
            assert_eq!(context_with("x-request-id", bad).request_id, "generated", "{bad}");
        }
    }

    #[test]
    fn traceparent_is_taken_only_if_it_is_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = context_with("traceparent", good);
        assert_eq!(context.traceparent.as_deref(), Some(good));
        assert_eq!(context.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(context_with("traceparent", bad).traceparent, None, "{bad}");
        }
    }
}
