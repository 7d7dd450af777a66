//! The trace context that travels with a request (W3C Trace Context).

/// The longest `tracestate` that is passed on, in bytes. It is what the records have room for; a
/// longer one is dropped, as the specification allows (section 3.3.1.5).
pub const MAX_TRACESTATE: usize = 512;

/// The length of a `traceparent` of version 00: `00-{trace-id: 32}-{parent-id: 16}-{flags: 2}`.
const LENGTH: usize = 55;

/// The only flag that version 00 defines: the caller may have recorded the trace.
const SAMPLED: u8 = 0x01;

/// A valid `traceparent` and the `tracestate` that belongs to it.
///
/// ```
/// use connectivity_domain::trace::TraceContext;
///
/// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::parse(traceparent, Some("vendor=1")).expect("a valid traceparent");
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.tracestate.as_deref(), Some("vendor=1"));
///
/// assert_eq!(TraceContext::parse("not a traceparent", Some("vendor=1")), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceContext {
    /// The `traceparent` header, always of version 00.
    pub traceparent: String,
    /// The `tracestate` header, at most [`MAX_TRACESTATE`] bytes.
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// Parses the two headers.
    ///
    /// Returns `None` if `traceparent` is invalid (section 3.2.2): the caller then starts a trace
    /// of its own, and `tracestate` is dropped with it. A `traceparent` of an unknown version is
    /// parsed by its first four fields and written as version 00; flags that version 00 does not
    /// define are cleared. A `tracestate` that is empty, too long or unfit for an HTTP header is
    /// dropped, and the rest of the context is kept.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let (fields, rest) = traceparent.split_at_checked(LENGTH)?;
        let mut parts = fields.split('-');
        let mut field = |length: usize| parts.next().filter(|part| is_lower_hex(part, length));
        let (version, trace_id, parent_id, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let rest_is_allowed = if version == "00" { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
        if version == "ff" || is_zero(trace_id) || is_zero(parent_id) || !rest_is_allowed {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()? & SAMPLED;
        let tracestate = tracestate.filter(|state| is_tracestate(state)).map(str::to_owned);
        Some(Self { traceparent: format!("00-{trace_id}-{parent_id}-{flags:02x}"), tracestate })
    }

    /// Returns the trace id: 32 hexadecimal digits in lower case.
    pub fn trace_id(&self) -> &str {
        self.traceparent.split('-').nth(1).unwrap_or_default()
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

fn is_tracestate(text: &str) -> bool {
    let is_printable = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    (1..=MAX_TRACESTATE).contains(&text.len()) && text.bytes().all(is_printable)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn check(traceparent: &str, expected: Option<&str>) {
        let parsed = TraceContext::parse(traceparent, None);
        assert_eq!(parsed.map(|trace| trace.traceparent).as_deref(), expected, "{traceparent}");
    }

    #[test]
    fn valid_traceparent_is_kept() {
        check(VALID, Some(VALID));
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        check(unsampled, Some(unsampled));
    }

    #[test]
    fn unknown_flags_are_cleared() {
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", Some(VALID));
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe", Some(unsampled));
    }

    #[test]
    fn unknown_version_is_read_by_its_first_four_fields() {
        for traceparent in [
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-é",
        ] {
            check(traceparent, Some(VALID));
        }
    }

    #[test]
    fn invalid_traceparent_is_rejected() {
        for traceparent in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            "0A-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            check(traceparent, None);
        }
    }

    #[test]
    fn tracestate_is_kept_only_if_it_fits_a_header_and_the_records() {
        let (longest, too_long) = ("x".repeat(MAX_TRACESTATE), "x".repeat(MAX_TRACESTATE + 1));
        for (tracestate, expected) in [
            (None, None),
            (Some(""), None),
            (Some("a=1,b=2"), Some("a=1,b=2")),
            (Some("a=1,\tb=2 ~"), Some("a=1,\tb=2 ~")),
            (Some(longest.as_str()), Some(longest.as_str())),
            (Some(too_long.as_str()), None),
            (Some("a=1\n"), None),
            (Some("a=\u{7f}"), None),
            (Some("a=é"), None),
        ] {
            let trace = TraceContext::parse(VALID, tracestate).expect("a valid traceparent");
            assert_eq!(trace.tracestate.as_deref(), expected, "{tracestate:?}");
        }
    }

    #[test]
    fn trace_id_is_the_second_field() {
        let trace = TraceContext::parse(VALID, None).expect("a valid traceparent");
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}
