//! No `traceparent` or `tracestate` makes the parser panic or is passed on malformed.

use super::*;
use proptest::prelude::*;

const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

/// Text that is close to a `traceparent`: fields of about the right length, of mostly valid digits.
fn traceparent() -> impl Strategy<Value = String> {
    let fields = prop::sample::select(vec![
        "[0-9a-f]{2}",
        "00",
        "ff",
        "[0-9a-f]{32}",
        "[0-9a-f]{16}",
        "0{32}",
        "[0-9a-fA-Fé-]{0,40}",
    ]);
    let field = fields.prop_flat_map(|pattern| prop::string::string_regex(pattern).expect("a pattern"));
    let valid =
        prop::string::string_regex("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?").expect("a pattern");
    prop_oneof![
        2 => prop::collection::vec(field, 0..6).prop_map(|fields| fields.join("-")),
        2 => valid,
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_headers_are_parsed_or_refused(traceparent in traceparent(), tracestate in prop::option::of(any::<String>())) {
        if let Some(trace) = TraceContext::parse(&traceparent, tracestate.as_deref()) {
            prop_assert_eq!(trace.traceparent.len(), LENGTH);
            prop_assert_eq!(trace.trace_id().len(), 32);
            let again = TraceContext::parse(&trace.traceparent, trace.tracestate.as_deref());
            prop_assert_eq!(again.as_ref(), Some(&trace));
        }
    }
}
