//! Changes the frames of the broker (AMQP 0-9-1 section 4.2.3) before the AMQP library parses them.
//!
//! Names and properties that the library could not parse are made valid, and the body of a message
//! that is longer than [`LONGEST_BODY`] is left out: a producer could otherwise end the connection, or
//! fill the memory of the process, with one message.

use super::content::{BODY_LENGTH, Content, UNREADABLE, readable};
use std::collections::BTreeMap;

/// The bytes of a frame besides its payload: type, channel and size before it, and the end octet.
const HEAD: usize = 7;
const END: u8 = 0xCE;

/// No frame is longer: RabbitMQ's default for `frame_max` is 128 KiB, and the library asks for no
/// more.
const LONGEST_FRAME: usize = 1 << 20;

/// The longest body that is kept in memory, in bytes. Bodies that are shorter than this and longer
/// than [`MAX_BODY`](crate::delivery::MAX_BODY) are not delivered to the components either.
const LONGEST_BODY: u64 = 4 * 1024 * 1024;

/// Frames up to this length are accepted whatever was negotiated (section 4.2.3).
const ALWAYS_ACCEPTED: usize = 4096;

/// A message whose frames arrive on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    /// Its content header has not arrived yet.
    Announced,
    /// This many bytes of its body are still to come, and are passed on or left out.
    Body { left: u64, length: u64, is_kept: bool },
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// The frames that have not arrived completely.
    input: Vec<u8>,
    messages: BTreeMap<[u8; 2], Incoming>,
    /// The bytes are not AMQP: they are passed on unchanged, and the library reports them.
    is_broken: bool,
}

impl Filter {
    /// Takes bytes from the broker and appends those for the library. Returns the number of bytes
    /// of the bodies that became complete.
    pub(super) fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> u64 {
        if self.is_broken {
            output.extend(bytes);
            return 0;
        }
        self.input.extend(bytes);
        let input = std::mem::take(&mut self.input);
        let (mut rest, mut completed) = (&input[..], 0);
        loop {
            match split(rest) {
                Split::Frame(frame, after) => {
                    completed += self.frame(frame, output);
                    rest = after;
                }
                Split::Incomplete => break,
                Split::Broken => {
                    self.is_broken = true;
                    output.extend(rest);
                    return completed;
                }
            }
        }
        self.input = rest.to_vec();
        completed
    }

    fn frame(&mut self, frame: Frame<'_>, output: &mut Vec<u8>) -> u64 {
        let message = self.messages.get(&frame.channel).copied();
        match (frame.kind, message) {
            (1, _) => self.method(frame, output),
            (2, Some(Incoming::Announced)) => return self.header(frame, output),
            (3, Some(Incoming::Body { left, length, is_kept })) => {
                let left = left.saturating_sub(frame.payload.len() as u64);
                if is_kept {
                    frame.write(output);
                }
                if left == 0 {
                    self.messages.remove(&frame.channel);
                    return if is_kept { length } else { 0 };
                }
                self.messages.insert(frame.channel, Incoming::Body { left, length, is_kept });
            }
            _ => frame.write(output),
        }
        0
    }

    /// Passes a method on. The names in `basic.deliver` and `basic.get-ok` are chosen by producers.
    fn method(&mut self, frame: Frame<'_>, output: &mut Vec<u8>) {
        let names = match frame.payload {
            // The consumer tag comes first.
            [0, 60, 0, 60, tag, ..] => 4 + 1 + usize::from(*tag) + 9,
            [0, 60, 0, 71, ..] => 4 + 9,
            _ => return frame.write(output),
        };
        self.messages.insert(frame.channel, Incoming::Announced);
        let mut payload = frame.payload.to_vec();
        let mut position = names;
        // The exchange and the routing key.
        for _ in 0..2 {
            let Some(length) = payload.get(position).map(|length| usize::from(*length)) else { break };
            let Some(name) = payload.get_mut(position + 1..position + 1 + length) else { break };
            let valid = readable(name).into_owned();
            name.copy_from_slice(&valid);
            position += 1 + length;
        }
        Frame { payload: &payload, ..frame }.write(output);
    }

    /// Passes a content header on: class, weight, length of the body, properties. Returns the length
    /// of a message that is complete with it.
    fn header(&mut self, frame: Frame<'_>, output: &mut Vec<u8>) -> u64 {
        let Some((start, properties)) = frame.payload.split_at_checked(12) else {
            frame.write(output);
            return 0;
        };
        let length = start[4..].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let is_kept = length <= LONGEST_BODY;
        let mut content = Content::read(properties);
        let mark = |content: &mut Content| {
            if let Some(fault) = content.fault.clone() {
                content.add(UNREADABLE, &fault);
            }
            if !is_kept {
                content.add(BODY_LENGTH, &length.to_string());
            }
        };
        mark(&mut content);
        if content.changed().is_some_and(|changed| changed.len() > properties.len().max(ALWAYS_ACCEPTED / 2)) {
            // The frame must not become longer than the library accepts.
            content.clear_headers();
            mark(&mut content);
        }
        match content.changed() {
            None => frame.write(output),
            Some(properties) => {
                let shown = if is_kept { length } else { 0 };
                let payload = [&start[..4], &shown.to_be_bytes(), &properties].concat();
                Frame { payload: &payload, ..frame }.write(output);
            }
        }
        if length == 0 {
            self.messages.remove(&frame.channel);
        } else {
            self.messages.insert(frame.channel, Incoming::Body { left: length, length, is_kept });
        }
        0
    }
}

#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    kind: u8,
    channel: [u8; 2],
    payload: &'a [u8],
}

impl Frame<'_> {
    fn write(self, output: &mut Vec<u8>) {
        output.push(self.kind);
        output.extend(self.channel);
        // A frame is shorter than 4 GiB.
        output.extend(u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        output.extend(self.payload);
        output.push(END);
    }
}

enum Split<'a> {
    Frame(Frame<'a>, &'a [u8]),
    Incomplete,
    Broken,
}

/// Splits the first frame off.
fn split(bytes: &[u8]) -> Split<'_> {
    let Some(([kind, channel @ .., a, b, c, d], after)) = bytes.split_first_chunk::<HEAD>() else {
        return Split::Incomplete;
    };
    let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    // The protocol header, which a broker sends if it does not support the version, is no frame.
    if size > LONGEST_FRAME || *kind == b'A' {
        return Split::Broken;
    }
    let Some((payload, rest)) = after.split_at_checked(size) else { return Split::Incomplete };
    match rest.split_first() {
        None => Split::Incomplete,
        Some((&END, rest)) => Split::Frame(Frame { kind: *kind, channel: *channel, payload }, rest),
        Some(_) => Split::Broken,
    }
}

#[cfg(test)]
mod tests;
