//! What identifies one request in responses, logs and traces.

use connectivity_domain::trace::TraceContext;
use http::HeaderMap;

/// The request id and the trace context of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The caller's `X-Request-Id` if it is well-formed, else a new id.
    pub request_id: String,
    /// The caller's trace if its `traceparent` is valid.
    pub trace: Option<TraceContext>,
}

impl RequestContext {
    /// Reads the context from request headers. `new_id` makes the request id if the caller sent
    /// none that is well-formed: 1 to 128 ASCII letters, digits and `-_.:`.
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
        let all = |name| headers.get_all(name).iter().map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>();
        // The lines of a list are one list (RFC 9110 section 5.3). Two traceparents are none.
        let state = all("tracestate").filter(|lines| !lines.is_empty()).map(|lines| lines.join(","));
        let trace = match all("traceparent").as_deref() {
            Some([parent]) => TraceContext::parse(parent, state.as_deref()),
            Some(_) | None => None,
        };
        let request_id = text("x-request-id").filter(|id| is_request_id(id)).map_or_else(new_id, str::to_owned);
        Self { request_id, trace }
    }
}

/// A caller's id is copied into logs and headers, so only short ids of harmless characters are
/// taken.
fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
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
    fn trace_is_taken_only_if_the_traceparent_is_valid() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(context_with("traceparent", valid).trace, TraceContext::parse(valid, None));
        assert_eq!(context_with("traceparent", "00-4bf92f3577b34da6").trace, None);
        assert_eq!(context_with("tracestate", "vendor=1").trace, None);
    }

    #[test]
    fn lines_of_tracestate_are_one_list_and_two_traceparents_are_none() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = |lines: &[(&'static str, &'static str)]| {
            let lines =
                lines.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
            RequestContext::from_headers(&lines.collect(), || "generated".into()).trace
        };
        let two = trace(&[("traceparent", valid), ("tracestate", "a=1"), ("tracestate", "b=2,c=3")]);
        assert_eq!(two, TraceContext::parse(valid, Some("a=1,b=2,c=3")));
        assert_eq!(trace(&[("traceparent", valid), ("traceparent", valid)]), None);
    }
}
