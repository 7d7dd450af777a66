//! Messages that are cloud events in structured mode: the request is the `data` of a JSON object
//! (JSON Event Format 1.0 for `CloudEvents`, section 3).
//!
//! The bridge passes bodies on unread, so it is the component that unwraps them. An event is known
//! by its attributes and not by its media type, because some producers send it as `text/plain`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connectivity_domain::job::MessageId;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The attribute that every event has.
const REQUIRED: &[u8] = b"\"specversion\"";

/// The byte order mark U+FEFF in UTF-8, which RFC 8259 section 8.1 allows to ignore.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The request in the body of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwrapped<'a> {
    /// The JSON of the request.
    pub(crate) request: Cow<'a, [u8]>,
    /// The id of the event, if the body is one and has a valid one.
    pub(crate) id: Option<MessageId>,
}

/// The attributes of an event that are read.
#[derive(serde::Deserialize)]
struct Event {
    #[serde(rename = "specversion")]
    _version: String,
    #[serde(default)]
    id: Value,
    data: Option<Data>,
    data_base64: Option<String>,
}

/// The data of an event.
enum Data {
    /// A JSON object, with all of its members: the request decides about repeated ones.
    Object(Vec<(String, Value)>),
    /// Text, which is taken for the JSON of the request.
    Text(String),
    Other,
}

/// Returns the request in a body, which may be that of an event. A byte order mark is removed.
pub(crate) fn unwrap(body: &[u8]) -> Unwrapped<'_> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let may_be_event = body.windows(REQUIRED.len()).any(|bytes| bytes == REQUIRED);
    let event = may_be_event.then(|| serde_json::from_slice::<Event>(body).ok()).flatten();
    let request = event.as_ref().and_then(|event| match (&event.data, &event.data_base64) {
        (Some(Data::Object(members)), None) => Some(object(members)),
        (Some(Data::Text(text)), None) => Some(text.as_bytes().to_vec()),
        (None, Some(encoded)) => STANDARD.decode(encoded).ok(),
        (Some(Data::Other) | None, None) | (Some(_), Some(_)) => None,
    });
    let Some((request, event)) = request.zip(event) else { return Unwrapped { request: body.into(), id: None } };
    Unwrapped { request: request.into(), id: event.id.as_str().and_then(|id| MessageId::parse(id).ok()) }
}

/// Writes an object with these members.
fn object(members: &[(String, Value)]) -> Vec<u8> {
    let member = |(name, value): &(String, Value)| format!("{}:{value}", Value::from(name.as_str()));
    format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(",")).into_bytes()
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the data of an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Data::Object(members))
    }

    fn visit_str<E>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Data::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Data, E> {
        Ok(Data::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Data, E> {
        Ok(Data::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Data, E> {
        Ok(Data::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Data, E> {
        Ok(Data::Other)
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, request: &str, id: Option<&str>) {
        let unwrapped = unwrap(body.as_bytes());
        let found = (String::from_utf8_lossy(&unwrapped.request).into_owned(), unwrapped.id);
        assert_eq!(found, (request.to_owned(), id.and_then(|id| MessageId::parse(id).ok())), "{body}");
    }

    fn event(id: &str, data: &str) -> String {
        format!(r#"{{"specversion": "1.0", "id": {id}, "source": "/s", "type": "t", {data}}}"#)
    }

    #[test]
    fn data_of_an_event_is_the_request() {
        let request = r#"{"a":1,"b":[1.0,"é"],"a":2}"#;
        check(&event(r#""ce-1""#, &format!(r#""data": {request}"#)), request, Some("ce-1"));
        check(&event(r#""ce-1""#, r#""data_base64": "eyJhIjoxfQ==""#), r#"{"a":1}"#, Some("ce-1"));
        check(&event(r#""ce-1""#, r#""data": "{\"a\":1}""#), r#"{"a":1}"#, Some("ce-1"));
        check(&format!("\u{feff}{}", event(r#""ce-1""#, r#""data": {}"#)), "{}", Some("ce-1"));
    }

    #[test]
    fn id_that_is_no_message_id_is_ignored() {
        for id in ["5", "null", r#""with a blank""#, r#""""#] {
            check(&event(id, r#""data": {}"#), "{}", None);
        }
    }

    #[test]
    fn everything_else_is_the_request_itself() {
        for body in [
            "",
            "{}",
            "not JSON \"specversion\"",
            r#"{"specversion": 1, "data": {}}"#,
            r#"{"specversion": "1.0", "id": "a", "id": "b", "data": {}}"#,
            r#"{"specversion": "1.0", "id": "a"}"#,
            r#"[{"specversion": "1.0", "id": "a", "data": {}}]"#,
        ] {
            check(body, body, None);
        }
        for data in [r#""data": null"#, r#""data": [{}]"#, r#""data": 5"#, r#""data_base64": "?""#] {
            let body = event(r#""ce-1""#, data);
            check(&body, &body, None);
        }
        check("\u{feff}{}", "{}", None);
    }
}
