//! The ids of requests.

use uuid::Uuid;

/// The longest message id that is accepted from a caller, in characters. [`MessageId::replay`] may
/// append to it.
const MAX_GIVEN: usize = 128;

/// The longest message id that can be stored, in characters.
const MAX_STORED: usize = 200;

/// Separates the id of a request from the number of its replay.
const REPLAY: char = '~';

/// What the key of a request over HTTP begins with. A UUID follows.
const HTTP: &str = "http:";

/// What the key of a message begins with whose id could be the key of another request. A UUID
/// follows.
const QUEUE: &str = "queue:";

/// What the id of a message begins with by which the outbox hands a request to the queue. The id of
/// the record follows.
const RECORD: &str = "record:";

/// The namespace of the name-based UUIDs of this service (RFC 9562 section 5.5).
const NAMESPACE: Uuid = Uuid::from_u128(0x8a0e_6b1c_52f4_4d5e_9d6f_3c1b_7f20_a9e4);

/// The id of a request, which is its idempotency key: two deliveries with the same id are the same
/// request.
///
/// Its text is what callers and consumers see. Its key is what a record is unique by: nobody can
/// take an id that a caller of another origin, or another caller over HTTP, will use.
///
/// ```
/// use connectivity_domain::job::MessageId;
///
/// let id = MessageId::parse("m-1").expect("a valid id");
/// assert_eq!((id.as_str(), id.key()), ("m-1", "m-1"));
/// assert_eq!(id.replay(1).as_str(), "m-1~1");
///
/// let of_operator = id.clone().over_http("operator");
/// assert_eq!(of_operator.as_str(), "m-1");
/// assert_ne!(of_operator.key(), id.key());
/// assert_ne!(of_operator.key(), id.over_http("another").key());
///
/// assert!(MessageId::parse("with a space").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId {
    text: String,
    /// The key, if it is not the text.
    key: Option<String>,
}

impl MessageId {
    /// Parses the id that a caller gave a request: 1 to 128 visible ASCII characters. It is the id
    /// of a message until [`MessageId::over_http`] makes it that of a request over HTTP.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if is_visible(text, MAX_GIVEN) {
            let key = is_reserved(text).then(|| derived(QUEUE, text));
            Ok(Self { text: text.to_owned(), key })
        } else {
            Err("must be 1 to 128 visible ASCII characters")
        }
    }

    /// Returns the stored id with this key. `text` is `None` if it is the same.
    pub fn stored(key: &str, text: Option<&str>) -> Option<Self> {
        let is_known = is_visible(key, MAX_STORED) && text.is_none_or(|text| is_visible(text, MAX_STORED));
        is_known.then(|| Self { text: text.unwrap_or(key).to_owned(), key: text.map(|_| key.to_owned()) })
    }

    /// Returns the id for a request without one, derived from its content.
    pub fn digest(content: &[u8]) -> Self {
        Self { text: Uuid::new_v5(&NAMESPACE, content).to_string(), key: None }
    }

    /// Returns the id of a request over HTTP. It is unique among the requests of the subject.
    #[must_use]
    pub fn over_http(self, subject: &str) -> Self {
        // With the length, so that no two pairs of subject and text have the same name.
        let name = format!("{}:{subject}:{}", subject.len(), self.text);
        Self { key: Some(derived(HTTP, &name)), ..self }
    }

    /// Returns the id of the `number`th replay of a request that ended without a verdict. A replay
    /// is a request of its own.
    #[must_use]
    pub fn replay(&self, number: u32) -> Self {
        let replay = |id: &str| format!("{id}{REPLAY}{number}");
        // A message with this text is not the replay, so the key may differ from the text.
        Self { text: replay(&self.text), key: Some(replay(self.key())) }.normalized()
    }

    /// Returns whether the id is that of a replay.
    pub fn is_replay(&self) -> bool {
        is_numbered(self.key())
    }

    /// Returns the id of the message by which the outbox hands the request of a record to the queue.
    /// Nobody else can know it: the id of a record is random, and only its caller sees it.
    pub fn of_record(record: &str) -> String {
        format!("{RECORD}{record}")
    }

    /// Returns the id of the record whose request a message with this id hands over, if it does.
    pub fn record(&self) -> Option<&str> {
        self.text.strip_prefix(RECORD)
    }

    /// Returns the id of the event with the result. It depends only on the key, so that consumers
    /// can recognise a repeated event.
    pub fn result_id(&self) -> String {
        Uuid::new_v5(&NAMESPACE, format!("result:{}", self.key()).as_bytes()).to_string()
    }

    /// Returns the id as callers and consumers see it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the key by which a record is unique.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.text)
    }

    /// Returns the text if it is not the key.
    pub fn text_beside_key(&self) -> Option<&str> {
        self.key.as_ref().map(|_| self.text.as_str())
    }

    /// Returns the same id, which has no key beside its text if they are equal.
    fn normalized(self) -> Self {
        let key = self.key.filter(|key| *key != self.text);
        Self { key, ..self }
    }
}

fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns whether a text could be the key of another request: of one over HTTP, of another message
/// or of a replay.
fn is_reserved(text: &str) -> bool {
    let is_derived = |prefix| text.strip_prefix(prefix).is_some_and(|rest| Uuid::try_parse(rest).is_ok());
    is_derived(HTTP) || is_derived(QUEUE) || is_numbered(text)
}

/// Returns whether a text ends like that of a replay.
fn is_numbered(text: &str) -> bool {
    let number = text.rsplit_once(REPLAY).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn derived(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", Uuid::new_v5(&NAMESPACE, format!("{prefix}{name}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).expect("an id")
    }

    fn check(text: &str, is_accepted: bool, is_stored: bool) {
        assert_eq!(MessageId::parse(text).is_ok(), is_accepted, "{text}");
        assert_eq!(MessageId::stored(text, None).as_ref().map(MessageId::as_str), is_stored.then_some(text), "{text}");
    }

    #[test]
    fn ids_are_visible_ascii_within_their_length() {
        check("m-1~!", true, true);
        check(&"x".repeat(128), true, true);
        check(&"x".repeat(129), false, true);
        check(&"x".repeat(200), false, true);
        check(&"x".repeat(201), false, false);
        for text in ["", " ", "a b", "é", "a\n", "\u{7f}"] {
            check(text, false, false);
            assert_eq!(MessageId::stored("key", Some(text)), None);
        }
    }

    #[test]
    fn a_stored_id_is_the_one_that_was_given() {
        for given in [id("m-1"), id("m~1"), id("m-1").replay(1), id("m~1").replay(2), id("m-1").over_http("operator")] {
            assert_eq!(MessageId::stored(given.key(), given.text_beside_key()), Some(given));
        }
    }

    #[test]
    fn derived_ids_are_deterministic_and_distinct() {
        let id = id("m-1");
        let (first, second) = (id.replay(1), id.replay(2));
        assert_eq!((first.as_str(), second.as_str()), ("m-1~1", "m-1~2"));
        assert_eq!((first.key(), second.key()), ("m-1~1", "m-1~2"));
        assert_eq!([&id, &first].map(MessageId::is_replay), [false, true]);
        assert_eq!(id.result_id(), MessageId::parse("m-1").expect("an id").result_id());
        assert_ne!(first.result_id(), id.result_id());
        assert_eq!(MessageId::digest(b"a"), MessageId::digest(b"a"));
        assert_ne!(MessageId::digest(b"a"), MessageId::digest(b"b"));
    }

    #[test]
    fn nobody_can_give_the_key_of_another_request() {
        let others = [
            id("m-1").over_http("operator"),
            id("m-1").over_http("another"),
            id("m-1").replay(1),
            id("m-1").over_http("operator").replay(1),
            id("m-1~1"),
        ];
        for other in &others {
            let message = id(other.key());
            assert_ne!(message.key(), other.key(), "as a message");
            assert!(!message.is_replay() && message.as_str() == other.key());
            assert_ne!(id(other.key()).over_http("operator").key(), other.key(), "over HTTP");
            assert_ne!(id(message.key()).key(), message.key(), "the replacement cannot be given either");
        }
        assert_eq!(id("http://host/1").key(), "http://host/1");
        assert_ne!(id("b:c").over_http("a").key(), id("c").over_http("a:b").key());
        assert_ne!(id("doc~v2").replay(1).key(), id("doc~v3").replay(1).key());
    }

    #[test]
    fn a_handed_over_request_names_its_record() {
        let message = id(&MessageId::of_record("0190-a"));
        assert_eq!((message.record(), id("m-1").record()), (Some("0190-a"), None));
    }
}
