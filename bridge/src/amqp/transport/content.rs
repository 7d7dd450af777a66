//! The properties of a message (AMQP 0-9-1 section 4.2.6.1), made valid for the AMQP library.
//!
//! Brokers pass properties on unread, so that a producer can send anything. The library ends its
//! connection if a short string is not UTF-8, if a header has an unknown type, or if a length is
//! wrong, and it overflows its stack if tables are nested too deep.

use std::borrow::Cow;

/// The header that says what of the properties was not valid, and so was changed or removed.
pub(in crate::amqp) const UNREADABLE: &str = "x-unreadable";
/// The header with the length of a body that was left out.
pub(in crate::amqp) const BODY_LENGTH: &str = "x-body-length";

/// How deep tables and lists may be nested.
const DEPTH: u8 = 16;

/// The bit of the headers in the flags.
const HEADERS: u16 = 1 << 13;

/// The flags, names and kinds of all properties in the order in which they are sent.
const PROPERTIES: [(u16, &str, Kind); 14] = [
    (1 << 15, "content_type", Kind::Short),
    (1 << 14, "content_encoding", Kind::Short),
    (HEADERS, "headers", Kind::Table),
    (1 << 12, "delivery_mode", Kind::Bytes(1)),
    (1 << 11, "priority", Kind::Bytes(1)),
    (1 << 10, "correlation_id", Kind::Short),
    (1 << 9, "reply_to", Kind::Short),
    (1 << 8, "expiration", Kind::Short),
    (1 << 7, "message_id", Kind::Short),
    (1 << 6, "timestamp", Kind::Bytes(8)),
    (1 << 5, "type", Kind::Short),
    (1 << 4, "user_id", Kind::Short),
    (1 << 3, "app_id", Kind::Short),
    (1 << 2, "cluster_id", Kind::Short),
];

#[derive(Clone, Copy)]
enum Kind {
    Short,
    Table,
    Bytes(usize),
}

/// Properties that the library can read.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// The flags and values of the properties but the headers.
    properties: Vec<(u16, Cow<'a, [u8]>)>,
    /// The entries of the table of headers.
    headers: Option<Vec<u8>>,
    /// What was not valid first.
    pub(super) fault: Option<String>,
    is_changed: bool,
}

impl<'a> Content<'a> {
    /// Reads properties and repairs what is not valid.
    pub(super) fn read(properties: &'a [u8]) -> Self {
        let mut content = Self::default();
        let mut reader = Reader(properties);
        if content.read_all(&mut reader).is_none() {
            content.report("the properties end too early");
        } else if !reader.0.is_empty() {
            content.report("the properties are longer than their flags say");
        }
        content
    }

    fn read_all(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        let flags = u16::from_be_bytes(reader.array()?);
        for (flag, name, kind) in PROPERTIES.into_iter().filter(|(flag, ..)| flags & flag != 0) {
            match kind {
                Kind::Short => {
                    let text = self.text(reader.short()?, name);
                    self.properties.push((flag, text));
                }
                Kind::Bytes(count) => self.properties.push((flag, reader.take(count)?.into())),
                Kind::Table => {
                    let mut entries = Vec::new();
                    let table = reader.long()?;
                    self.table(table, 0, &mut entries);
                    self.headers = Some(entries);
                }
            }
        }
        Some(())
    }

    /// Copies the entries of a table that are valid.
    fn table(&mut self, table: &'a [u8], depth: u8, entries: &mut Vec<u8>) {
        let mut reader = Reader(table);
        while !reader.0.is_empty() {
            let start = entries.len();
            let entry = reader.short().and_then(|name| {
                put_short(&self.text(name, "the name of a header"), entries);
                self.value(&mut reader, depth, entries).map(|()| name)
            });
            match entry {
                // These are our own, and mean nothing in a message that was just received.
                Some(name) if depth == 0 && [UNREADABLE, BODY_LENGTH].map(str::as_bytes).contains(&name) => {
                    entries.truncate(start);
                    self.is_changed = true;
                }
                Some(_) => {}
                None => {
                    entries.truncate(start);
                    return self.report("a header cannot be read");
                }
            }
        }
    }

    /// Copies the value of a header. The types are those that RabbitMQ uses.
    fn value(&mut self, reader: &mut Reader<'a>, depth: u8, entries: &mut Vec<u8>) -> Option<()> {
        let [kind] = reader.array()?;
        let length = match kind {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'S' | b'x' => {
                let text = reader.long()?;
                entries.push(kind);
                put_long(text, entries);
                return Some(());
            }
            b'F' | b'A' if depth < DEPTH => {
                let (content, mut inner) = (reader.long()?, Vec::new());
                if kind == b'F' {
                    self.table(content, depth + 1, &mut inner);
                } else {
                    self.list(content, depth + 1, &mut inner);
                }
                entries.push(kind);
                put_long(&inner, entries);
                return Some(());
            }
            b'F' | b'A' => {
                reader.long()?;
                self.report("a header is nested too deep");
                entries.push(b'V');
                return Some(());
            }
            _ => return None,
        };
        entries.push(kind);
        entries.extend(reader.take(length)?);
        Some(())
    }

    fn list(&mut self, list: &'a [u8], depth: u8, values: &mut Vec<u8>) {
        let mut reader = Reader(list);
        while !reader.0.is_empty() {
            let start = values.len();
            if self.value(&mut reader, depth, values).is_none() {
                values.truncate(start);
                return self.report("a header cannot be read");
            }
        }
    }

    /// Returns a short string as UTF-8 of the same length.
    fn text(&mut self, text: &'a [u8], name: &str) -> Cow<'a, [u8]> {
        let readable = readable(text);
        if matches!(readable, Cow::Owned(_)) {
            self.report(&format!("{name} is not valid UTF-8"));
        }
        readable
    }

    fn report(&mut self, fault: &str) {
        self.is_changed = true;
        self.fault.get_or_insert_with(|| fault.to_owned());
    }

    /// Adds a header.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.is_changed = true;
        let headers = self.headers.get_or_insert_default();
        put_short(name.as_bytes(), headers);
        headers.push(b'S');
        put_long(value.as_bytes(), headers);
    }

    /// Removes all headers.
    pub(super) fn clear_headers(&mut self) {
        self.headers = None;
    }

    /// Returns the properties as they are sent, or `None` if they are as they were received.
    pub(super) fn changed(&self) -> Option<Vec<u8>> {
        if !self.is_changed {
            return None;
        }
        let headers = self.headers.as_deref();
        let flags = self.properties.iter().fold(headers.map_or(0, |_| HEADERS), |flags, (flag, _)| flags | flag);
        let mut sent = flags.to_be_bytes().to_vec();
        for (flag, _, kind) in PROPERTIES {
            let value = self.properties.iter().find(|(found, _)| *found == flag).map(|(_, value)| value);
            match (kind, value) {
                (Kind::Table, _) => headers.into_iter().for_each(|headers| put_long(headers, &mut sent)),
                (Kind::Short, Some(value)) => put_short(value, &mut sent),
                (Kind::Bytes(_), Some(value)) => sent.extend_from_slice(value),
                (_, None) => {}
            }
        }
        Some(sent)
    }
}

/// Returns a text with a question mark for each byte that is not part of valid UTF-8.
pub(super) fn readable(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return text.into();
    }
    let mut readable = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        readable.extend(chunk.valid().as_bytes());
        readable.extend(chunk.invalid().iter().map(|_| b'?'));
    }
    readable.into()
}

/// Appends a text of at most 255 bytes with its length.
fn put_short(text: &[u8], sent: &mut Vec<u8>) {
    sent.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    sent.extend(text.iter().take(u8::MAX.into()));
}

/// Appends bytes with their length. They are a part of a frame, and so shorter than 4 GiB.
fn put_long(bytes: &[u8], sent: &mut Vec<u8>) {
    sent.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    sent.extend(bytes);
}

/// Bytes that have not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let [length] = self.array()?;
        self.take(length.into())
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).ok()?)
    }
}

#[cfg(test)]
mod tests;
