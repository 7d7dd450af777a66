//! Publishes messages whose properties no AMQP library would send (AMQP 0-9-1 section 4.2).

use crate::servers::{Servers, USER};
use std::io::{Read, Write};
use std::net::TcpStream;

/// The length of a piece of a body.
const PIECE: usize = 100_000;

/// A connection to RabbitMQ with one channel, whose publishes are confirmed.
pub struct RawPublisher(TcpStream);

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("a short text")], text].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("a length").to_be_bytes(), bytes].concat()
}

/// Properties that have only this one, a short string. `flag` is the number of its bit.
pub fn text_property(flag: u8, text: &[u8]) -> Vec<u8> {
    [&(1_u16 << flag).to_be_bytes()[..], &short(text)].concat()
}

/// Properties that have only headers. Each is a name, and a value with its type.
pub fn headers(entries: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<u8> = entries.iter().flat_map(|(name, value)| [short(name), value.clone()].concat()).collect();
    [&(1_u16 << 13).to_be_bytes()[..], &long(&entries)].concat()
}

/// The value of a header that contains a table, which contains a table …
pub fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(b"V".to_vec(), |inner, _| [b"F".to_vec(), long(&[short(b"n"), inner].concat())].concat())
}

/// The value of a header that is a list of texts.
pub fn list(texts: &[&[u8]]) -> Vec<u8> {
    let values: Vec<u8> = texts.iter().flat_map(|text| [b"S".to_vec(), long(text)].concat()).collect();
    [b"A".to_vec(), long(&values)].concat()
}

impl RawPublisher {
    pub fn connect(servers: &Servers) -> Self {
        let mut publisher = Self(TcpStream::connect(servers.rabbitmq.address()).expect("RabbitMQ"));
        publisher.0.write_all(b"AMQP\0\0\x09\x01").expect("a protocol header");
        publisher.expect(&[0, 10, 0, 10]);
        let credentials = format!("\0{USER}\0{}", servers.rabbitmq.password);
        let start_ok = [long(b""), short(b"PLAIN"), long(credentials.as_bytes()), short(b"en_US")].concat();
        publisher.method(0, [10, 11], &start_ok);
        publisher.expect(&[0, 10, 0, 30]);
        // channel-max 2047, frame-max 128 KiB, no heartbeat
        publisher.method(0, [10, 31], &[7, 255, 0, 2, 0, 0, 0, 0]);
        publisher.method(0, [10, 40], &[short(b"/"), vec![0, 0]].concat());
        publisher.expect(&[0, 10, 0, 41]);
        publisher.method(1, [20, 10], &[0]);
        publisher.expect(&[0, 20, 0, 11]);
        publisher.method(1, [85, 10], &[0]);
        publisher.expect(&[0, 85, 0, 11]);
        publisher
    }

    /// Publishes a message and waits for its confirmation.
    pub fn publish(&mut self, exchange: &str, routing_key: &[u8], properties: &[u8], body: &[u8]) {
        let publish = [vec![0, 0], short(exchange.as_bytes()), short(routing_key), vec![0]].concat();
        self.method(1, [60, 40], &publish);
        let length = u64::try_from(body.len()).expect("a length").to_be_bytes();
        self.frame(2, 1, &[&[0, 60, 0, 0], &length[..], properties].concat());
        for piece in body.chunks(PIECE) {
            self.frame(3, 1, piece);
        }
        self.expect(&[0, 60, 0, 80]);
    }

    fn method(&mut self, channel: u8, [class, method]: [u8; 2], arguments: &[u8]) {
        self.frame(1, channel, &[&[0, class, 0, method], arguments].concat());
    }

    fn frame(&mut self, kind: u8, channel: u8, payload: &[u8]) {
        let frame = [&[kind, 0, channel], &long(payload)[..], &[0xCE]].concat();
        self.0.write_all(&frame).expect("a frame is sent");
    }

    /// Reads a frame that begins with these bytes.
    fn expect(&mut self, start: &[u8]) {
        let mut head = [0; 7];
        self.0.read_exact(&mut head).expect("a frame");
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; usize::try_from(size).expect("a size") + 1];
        self.0.read_exact(&mut payload).expect("a payload");
        assert!(payload.starts_with(start), "{start:?}, but {}", String::from_utf8_lossy(&payload));
    }
}
