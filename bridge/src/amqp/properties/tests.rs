use super::*;
use crate::message::{ATTEMPTS, Message, REASON};

fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let entries = entries.iter().map(|(name, value)| (ShortString::from(*name), value.clone()));
    entries.collect::<BTreeMap<_, _>>().into()
}

fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

/// Headers of every type.
fn all_types() -> Vec<(&'static str, AMQPValue)> {
    let list = vec![AMQPValue::LongInt(1), long("a")];
    vec![
        ("t", AMQPValue::Boolean(true)),
        ("b", AMQPValue::ShortShortInt(-1)),
        ("B", AMQPValue::ShortShortUInt(1)),
        ("s", AMQPValue::ShortInt(-2)),
        ("u", AMQPValue::ShortUInt(2)),
        ("I", AMQPValue::LongInt(-3)),
        ("i", AMQPValue::LongUInt(3)),
        ("l", AMQPValue::LongLongInt(-4)),
        ("f", AMQPValue::Float(0.5)),
        ("d", AMQPValue::Double(0.25)),
        ("D", AMQPValue::DecimalValue(lapin::types::DecimalValue { scale: 2, value: 5 })),
        ("S", AMQPValue::LongString(LongString::from(vec![0xff, 0]))),
        ("A", AMQPValue::FieldArray(list.into())),
        ("T", AMQPValue::Timestamp(1_700_000_000)),
        ("F", AMQPValue::FieldTable(table(&[("a", AMQPValue::Void)]))),
        ("x", AMQPValue::ByteArray(vec![1].into())),
        ("V", AMQPValue::Void),
    ]
}

fn full(headers: &[(&str, AMQPValue)]) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/octet-stream".into())
        .with_content_encoding("gzip".into())
        .with_headers(table(headers))
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("c-1".into())
        .with_reply_to("r".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("ty".into())
        .with_app_id("app".into())
        .with_cluster_id("cluster".into())
}

/// Returns the properties with which a received message is published again.
fn published(received: BasicProperties, own: &[(&str, &str)], keeps_history: bool) -> BasicProperties {
    let (properties, _) = Properties::received(received);
    properties.published(own.iter().copied(), Some("bridge"), keeps_history)
}

#[test]
fn all_properties_and_headers_survive() {
    let expected = [&all_types()[..], &[(REASON, long("why"))]].concat();
    let sent = published(full(&all_types()), &[(REASON, "why")], true);
    assert_eq!(sent, full(&expected).with_user_id("bridge".into()));
    let (again, headers) = Properties::received(sent.clone());
    assert_eq!(headers, Headers::from([(REASON.to_owned(), "why".to_owned())]));
    assert_eq!(again.published([(REASON, "why")].into_iter(), Some("bridge"), true), sent);
}

#[test]
fn own_headers_and_the_trace_are_separated_from_those_of_others() {
    let headers = [
        (ATTEMPTS, AMQPValue::LongUInt(7)),
        ("traceparent", long("p")),
        ("tracestate", long("s")),
        ("other", long("o")),
    ];
    let (properties, headers) = Properties::received(full(&headers));
    let found: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, [("traceparent", "p"), ("tracestate", "s"), (ATTEMPTS, "7")]);
    let others = table(&[("other", long("o"))]);
    assert_eq!(properties.published(std::iter::empty(), None, true).headers().as_ref(), Some(&others));
}

#[test]
fn user_of_others_becomes_a_header_and_expiration_is_removed() {
    let received = full(&[]).with_user_id("producer".into()).with_expiration("1000".into()).with_delivery_mode(1);
    let sent = published(received, &[], true);
    assert_eq!(sent, full(&[(USER, long("producer"))]).with_user_id("bridge".into()));
    let (again, headers) = Properties::received(sent);
    assert_eq!((again.user_id(), headers[USER].as_str()), (Some("bridge"), "producer"));
    let unconfirmed = Properties::received(full(&[])).0.published(std::iter::empty(), None, true);
    assert_eq!(unconfirmed.user_id(), &None);
}

#[test]
fn further_recipients_are_removed_and_the_history_is_kept_in_dead_letters_only() {
    let death = table(&[("reason", long("expired")), ("queue", long("q")), ("count", AMQPValue::LongLongInt(1))]);
    let deaths = AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into());
    let history = [("x-death", deaths.clone()), ("x-first-death-queue", long("q")), ("x-delivery-count", long("1"))];
    let recipients = ["CC", "BCC"].map(|name| (name, AMQPValue::FieldArray(vec![long("elsewhere")].into())));
    let received = full(&[&history[..], &recipients].concat());
    let kept = |keeps_history| published(received.clone(), &[], keeps_history).headers().clone().unwrap_or_default();
    assert_eq!((kept(true), kept(false)), (table(&history), FieldTable::default()));
    let (properties, _) = Properties::received(received.clone());
    let expected = Death { reason: "expired".to_owned(), queue: "q".to_owned() };
    assert_eq!(properties.death(), Some(expected));
    for deaths in [AMQPValue::Void, long("expired"), AMQPValue::FieldArray(vec![AMQPValue::Void].into())] {
        assert_eq!(Properties::received(full(&[("x-death", deaths)])).0.death(), None);
    }
}

#[test]
fn replay_is_sent_as_the_message_was_received() {
    let (properties, headers) = Properties::received(full(&all_types()).with_user_id("producer".into()));
    let message = Message::received(b"{}".to_vec(), properties, headers);
    let send = |message: &Message| message.properties.published(message.all_headers(), Some("bridge"), true);
    let (properties, headers) = Properties::received(send(&message.dead("why", None, false)));
    let replayed = Message::received(b"{}".to_vec(), properties, headers).replayed();
    assert_eq!(send(&replayed), send(&message));
}

#[test]
fn id_of_an_event_is_read_from_its_attributes() {
    let id = |headers: &[(&str, AMQPValue)]| Properties::received(full(headers)).0.event_id();
    for prefix in ["cloudEvents:", "cloudEvents_", "ce-", "Ce-", "cloudevents:"] {
        let names = ["specversion", "id"].map(|name| format!("{prefix}{name}"));
        let headers = [(names[0].as_str(), long("1.0")), (names[1].as_str(), long("ce-1"))];
        assert_eq!(id(&headers).as_deref(), Some("ce-1"), "{prefix}");
        assert_eq!(id(&headers[1..]), None, "a header of this name need not be that of an event");
    }
    assert_eq!(id(&[("cloudEvents:specversion", long("1.0")), ("ce-id", long("ce-1"))]), None);
}
