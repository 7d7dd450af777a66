//! No properties and no headers of a message make the bridge panic.

use super::*;
use crate::amqp::Properties;
use crate::message::{ATTEMPTS, COMPONENT_FAILURES, Headers, OWN_HEADERS, TRACE_HEADERS};
use proptest::prelude::*;

/// Fewer cases without optimisation, where each takes some fifty times as long.
const CASES: u32 = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        any::<i128>().prop_map(|number| number.to_string()),
        prop::sample::select(vec!["4294967295", "4294967296", "-1", "1e9", "", "0", "ERROR", "\u{0}"])
            .prop_map(str::to_owned),
        "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_message_is_delivered_delayed_dead_lettered_and_replayed(
        body in prop::collection::vec(any::<u8>(), 0..40),
        ids in (prop::option::of(text()), prop::option::of(text())),
        headers in prop::collection::btree_map(prop::sample::select([&OWN_HEADERS[..], &TRACE_HEADERS].concat()), text(), 0..10),
    ) {
        let properties = Properties::json(ids.0.as_deref(), ids.1.as_deref());
        let headers: Headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let message = Message::received(body.clone(), properties, headers);
        let delivered = super::headers(&message, Attempt { number: 1, give_up_after: Duration::ZERO, is_removed: false }, message.trace.as_ref());
        prop_assert!(delivered.len() <= 8);
        let failed = message.after(ATTEMPTS, "error").after(COMPONENT_FAILURES, "error");
        prop_assert!(failed.number(ATTEMPTS) >= 1 && failed.number(COMPONENT_FAILURES) >= 1);
        let replayed = failed.dead("why", Some("id"), true).replayed();
        prop_assert_eq!((&replayed.body[..], replayed.number(ATTEMPTS)), (&body[..], 0));
    }
}
