use super::*;
use proptest::prelude::*;

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Frame { kind, channel: channel.to_be_bytes(), payload }.write(&mut frame);
    frame
}

fn deliver(routing_key: &[u8]) -> Vec<u8> {
    let mut payload = b"\0\x3c\0\x3c\x01t\0\0\0\0\0\0\0\x01\0\x01x".to_vec();
    payload.push(u8::try_from(routing_key.len()).expect("short"));
    frame(1, 1, &[&payload, routing_key].concat())
}

fn header(length: u64, properties: &[u8]) -> Vec<u8> {
    frame(2, 1, &[&[0, 60, 0, 0], &length.to_be_bytes()[..], properties].concat())
}

/// Returns what the library gets, and the bytes of complete bodies.
fn filtered(bytes: &[u8]) -> (Vec<u8>, u64) {
    let (mut filter, mut output) = (Filter::default(), Vec::new());
    let completed = filter.push(bytes, &mut output);
    (output, completed)
}

const PROPERTIES: &[u8] = &[0, 0];

#[test]
fn valid_frames_pass_unchanged_in_pieces_of_any_size() {
    let message = [deliver(b"key"), header(5, PROPERTIES), frame(3, 1, b"abc"), frame(3, 1, b"de")].concat();
    let others = [frame(1, 0, &[0, 10, 0, 10]), frame(8, 0, b""), frame(2, 2, b"not announced"), frame(3, 2, b"x")];
    let bytes = [others.concat(), message.clone(), frame(1, 1, b"\0\x3c\0\x50"), message].concat();
    for size in [1, 7, 8, bytes.len()] {
        let (mut filter, mut output) = (Filter::default(), Vec::new());
        let completed: u64 = bytes.chunks(size).map(|piece| filter.push(piece, &mut output)).sum();
        assert_eq!((output == bytes, completed), (true, 10), "{size}");
    }
}

#[test]
fn names_in_methods_are_made_valid() {
    assert_eq!(filtered(&deliver(b"k\xe9y")).0, deliver(b"k?y"));
    let get_ok = |key: &[u8]| frame(1, 1, &[b"\0\x3c\0\x47\0\0\0\0\0\0\0\x01\0\0\x03", key, b"\0\0\0\0"].concat());
    assert_eq!(filtered(&get_ok(b"k\xe9y")).0, get_ok(b"k?y"));
    let cut_off = frame(1, 1, b"\0\x3c\0\x3c\x01t\0\0");
    assert_eq!(filtered(&cut_off).0, cut_off);
}

#[test]
fn unreadable_properties_are_marked() {
    let bytes = [deliver(b"key"), header(1, b"\0\x80\x01\xe9"), frame(3, 1, b"x")].concat();
    let mark = b"\x20\x80\0\0\0\x2f\x0cx-unreadableS\0\0\0\x1dmessage_id is not valid UTF-8\x01?";
    let expected = [deliver(b"key"), header(1, mark), frame(3, 1, b"x")].concat();
    assert_eq!(filtered(&bytes), (expected, 1));
}

#[test]
fn long_body_is_left_out_and_its_length_is_marked() {
    let length = LONGEST_BODY + 1;
    let body = vec![b'x'; 1 << 19];
    let pieces = usize::try_from(LONGEST_BODY).expect("small") / body.len();
    let (mut filter, mut output) = (Filter::default(), Vec::new());
    filter.push(&[deliver(b"key"), header(length, PROPERTIES)].concat(), &mut output);
    for _ in 0..pieces {
        assert_eq!(filter.push(&frame(3, 1, &body), &mut output), 0);
    }
    assert_eq!(filter.push(&frame(3, 1, b"x"), &mut output), 0);
    let mark = [b"\x20\0\0\0\0\x1a\x0dx-body-lengthS\0\0\0\x07".to_vec(), length.to_string().into_bytes()].concat();
    assert_eq!(output, [deliver(b"key"), header(0, &mark)].concat());
    let next = [deliver(b"key"), header(2, PROPERTIES), frame(3, 1, b"ok")].concat();
    output.clear();
    assert_eq!(filter.push(&next, &mut output), 2);
    assert_eq!(output, next, "the next message is complete");
}

#[test]
fn frame_with_a_mark_is_not_longer_than_the_library_accepts() {
    let headers =
        [b"\x01a".to_vec(), b"S\0\x01\xff\0".to_vec(), vec![b'x'; 0x1_FF00], b"\x01\xe9t\x01".to_vec()].concat();
    let size = u32::try_from(headers.len()).expect("small").to_be_bytes();
    let bytes = [deliver(b"key"), header(0, &[&[0x20, 0], &size[..], &headers].concat())].concat();
    let (output, _) = filtered(&bytes);
    assert!(output.len() < ALWAYS_ACCEPTED, "{}", output.len());
    assert!(String::from_utf8_lossy(&output).contains("the name of a header is not valid UTF-8"));
}

#[test]
fn bytes_that_are_not_amqp_are_passed_on() {
    for bytes in [&b"AMQP\0\0\x09\x01"[..], b"\x01\0\0\xff\xff\xff\xff", b"\x01\0\0\0\0\0\x01ab and more"] {
        assert_eq!(filtered(bytes).0, bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 1_000 } else { 100_000 }, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_ends_the_filter(frames in prop::collection::vec((any::<u8>(), 0..3_u16, prop::collection::vec(any::<u8>(), 0..40)), 0..8), cut in 1..60_usize) {
        let announced = |(kind, channel, payload): &(u8, u16, Vec<u8>)| {
            let kind = kind % 4;
            let method: &[u8] = if kind == 1 { b"\0\x3c\0\x3c" } else { b"" };
            frame(kind, *channel, &[method, payload].concat())
        };
        let bytes = frames.iter().map(announced).collect::<Vec<_>>().concat();
        let (mut filter, mut output) = (Filter::default(), Vec::new());
        for piece in bytes.chunks(cut) {
            filter.push(piece, &mut output);
        }
        prop_assert!(filter.input.is_empty(), "all frames were complete");
    }
}
