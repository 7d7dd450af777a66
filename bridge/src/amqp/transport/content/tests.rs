use super::*;
use proptest::prelude::*;

/// Returns a list of properties with these flags and this content.
fn list(flags: u16, content: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes(), content].concat()
}

fn table(entries: &[u8]) -> Vec<u8> {
    let mut table = Vec::new();
    put_long(entries, &mut table);
    table
}

/// Returns the properties that the library gets, and the fault.
fn repaired(properties: &[u8]) -> (Vec<u8>, Option<String>) {
    let content = Content::read(properties);
    (content.changed().unwrap_or_else(|| properties.to_vec()), content.fault)
}

/// Asserts that the library can read the properties, and returns what it reads.
fn parsed(properties: &[u8]) -> lapin::BasicProperties {
    match lapin::protocol::basic::parse_properties(properties) {
        Ok(([], properties)) => properties,
        other => panic!("{other:?}: {properties:?}"),
    }
}

#[test]
fn valid_properties_are_not_changed() {
    let headers = [
        &b"\x01tt\x01\x01bb\xff\x01BB\x01\x01ss\0\x01\x01uu\0\x01\x01II\0\0\0\x01\x01ii\0\0\0\x01"[..],
        b"\x01ll\0\0\0\0\0\0\0\x01\x01ff\0\0\0\0\x01dd\0\0\0\0\0\0\0\0\x01DD\x02\0\0\0\x01",
        b"\x01SS\0\0\0\x02\xff\xfe\x01xx\0\0\0\x01\xff\x01TT\0\0\0\0\0\0\0\x01\x01VV",
        b"\x01FF\0\0\0\x04\x01at\x01\x01AA\0\0\0\x02t\x01",
    ]
    .concat();
    let all = [
        &b"\x04text\x04gzip"[..],
        &table(&headers),
        b"\x02\x03\x01c\x01r\x0210\x01m\0\0\0\0\0\0\0\x01\x01t\x01u\x01a\x01c",
    ];
    let properties = list(0xFFFC, &all.concat());
    assert!(Content::read(&properties).changed().is_none());
    assert_eq!(parsed(&properties).headers().as_ref().expect("headers").inner().len(), 17);
}

#[test]
fn invalid_text_is_replaced_in_its_length_and_named() {
    for (flag, name) in [(7, "message_id"), (15, "content_type"), (2, "cluster_id")] {
        let (properties, fault) = repaired(&list(1 << flag, b"\x04a\xe9b\xff"));
        assert_eq!(fault.as_deref(), Some(format!("{name} is not valid UTF-8").as_str()));
        assert_eq!(properties, list(1 << flag, b"\x04a?b?"));
    }
    let (properties, fault) = repaired(&list(HEADERS, &table(b"\x02n\xe9S\0\0\0\x01v\x01ot\x01")));
    assert_eq!(fault.as_deref(), Some("the name of a header is not valid UTF-8"));
    let headers = parsed(&properties).headers().clone().expect("headers");
    assert_eq!(headers.inner().keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>(), ["n?", "o"]);
}

#[test]
fn what_cannot_be_repaired_is_removed() {
    let nested = |kind: u8, depth: usize| {
        (0..depth).fold(Vec::new(), |inner, _| {
            let name: &[u8] = if kind == b'F' { b"\x01n" } else { b"" };
            [name, &[kind], &table(&inner)].concat()
        })
    };
    let deep =
        |kind| list(HEADERS, &table(&[b"\x01dF".to_vec(), table(&nested(b'F', 20_000)), nested(kind, 0)].concat()));
    let lists = list(HEADERS, &table(&[b"\x01d".to_vec(), nested(b'A', 20_000)].concat()));
    for (properties, expected) in [
        (deep(b'F'), "a header is nested too deep"),
        (lists, "a header is nested too deep"),
        (list(HEADERS, &table(b"\x01at\x01\x01bZ\x01")), "a header cannot be read"),
        (list(HEADERS, &table(b"\x01at\x01\x09bt\x01")), "a header cannot be read"),
        (list(HEADERS, &table(b"\x01at\x01\x01bS\0\0\0\x09x")), "a header cannot be read"),
        (list(HEADERS | 1 << 7, &table(b"")), "the properties end too early"),
        (list(HEADERS, b"\0\0\0\x09"), "the properties end too early"),
        (list(1 << 7, b"\x05m"), "the properties end too early"),
        (list(1 << 7, b"\x01m\x01"), "the properties are longer than their flags say"),
        (Vec::new(), "the properties end too early"),
    ] {
        let (repaired, fault) = repaired(&properties);
        assert_eq!(fault.as_deref(), Some(expected));
        parsed(&repaired);
    }
}

#[test]
fn our_own_marks_cannot_be_forged() {
    let (properties, fault) =
        repaired(&list(HEADERS, &table(b"\x0cx-unreadableS\0\0\0\x01v\x0dx-body-lengtht\x01\x01at\x01")));
    assert_eq!((properties, fault), (list(HEADERS, &table(b"\x01at\x01")), None));
}

/// How many inputs each property is tried with.
fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: if cfg!(debug_assertions) { count / 50 } else { count }, ..ProptestConfig::default() }
}

/// Bytes that are close to a table of headers: names, types and lengths that are mostly right.
fn headers() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::collection::vec(any::<u8>(), 0..8);
    let kind = prop::sample::select(b"tbBsUuIifDLldTSxFAVZ".to_vec());
    let value = prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..16);
    let entry = (name, kind, value).prop_map(|(name, kind, value)| {
        let mut entry = Vec::new();
        put_short(&name, &mut entry);
        entry.push(kind);
        match kind {
            b'S' | b'x' | b'F' | b'A' => put_long(&value, &mut entry),
            _ => entry.extend(value),
        }
        entry
    });
    prop::collection::vec(entry, 0..6).prop_map(|entries| entries.concat())
}

proptest! {
    #![proptest_config(cases(100_000))]

    #[test]
    fn library_can_read_whatever_is_sent(properties in prop::collection::vec(any::<u8>(), 0..80)) {
        parsed(&repaired(&properties).0);
    }

    #[test]
    fn library_can_read_whatever_headers_are_sent(headers in headers(), flags in any::<u16>(), rest in prop::collection::vec(any::<u8>(), 0..24)) {
        let properties = list(flags & 0x1FFF | HEADERS, &[table(&headers), rest].concat());
        parsed(&repaired(&properties).0);
        let nested = [b"\x01fF".to_vec(), table(&headers)].concat();
        parsed(&repaired(&list(HEADERS, &table(&nested))).0);
    }
}
