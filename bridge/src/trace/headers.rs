//! A message's headers, as the propagator reads and writes them.

use crate::message::{Headers, TRACESTATE};
use opentelemetry::propagation::{Extractor, Injector};

/// Headers to read.
pub(super) struct Reading<'a>(pub(super) &'a Headers);

impl Extractor for Reading<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// Headers to write. An empty value is no header.
pub(super) struct Writing<'a>(pub(super) &'a mut Headers);

/// What the components take (their column is no longer).
const LONGEST: usize = 512;

impl Injector for Writing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() || key == TRACESTATE && value.len() > LONGEST {
            self.0.remove(key);
        } else {
            self.0.insert(key.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::TRACEPARENT;
    use opentelemetry::Context;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry_sdk::propagation::TraceContextPropagator;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn passed_on(parent: &str, state: &str) -> [Option<String>; 2] {
        let propagator = TraceContextPropagator::new();
        let pairs = [(TRACEPARENT, parent), (TRACESTATE, state)];
        let given = Headers::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let context = propagator.extract_with_context(&Context::new(), &Reading(&given));
        let mut sent = Headers::from([(TRACESTATE.to_owned(), "stale=1".to_owned())]);
        propagator.inject_context(&context, &mut Writing(&mut sent));
        [TRACEPARENT, TRACESTATE].map(|name| sent.get(name).cloned())
    }

    #[test]
    fn a_valid_context_is_passed_on_and_nothing_else() {
        let some = |value: &str| Some(value.to_owned());
        let stale = some("stale=1");
        let long = format!("a={}", "x".repeat(600));
        for (parent, state, expected) in [
            (PARENT, "a=1,b=2", [some(PARENT), some("a=1,b=2")]),
            (PARENT, "", [some(PARENT), None]),
            (PARENT, long.as_str(), [some(PARENT), None]),
            ("nonsense", "a=1", [None, stale.clone()]),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "a=1", [None, stale.clone()]),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "a=1", [None, stale]),
        ] {
            assert_eq!(passed_on(parent, state), expected, "{parent} {state}");
        }
    }
}
