//! The ids of requests.

/// The longest message id that is accepted from a caller, in characters. [`MessageId::replay`] may
/// append to it.
const MAX_GIVEN: usize = 128;

/// The longest message id that can be stored, in characters.
const MAX_STORED: usize = 200;

/// Separates the id of a request from the number of its replay.
const REPLAY: char = '~';

/// The namespace of the name-based UUIDs of this service (RFC 9562 section 5.5).
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x8a0e_6b1c_52f4_4d5e_9d6f_3c1b_7f20_a9e4);

/// The id of a request, which is its idempotency key: two deliveries with the same id are the same
/// request.
///
/// ```
/// use connectivity_domain::job::MessageId;
///
/// let id = MessageId::parse("m-1").expect("a valid id");
/// assert_eq!(id.replay(1).as_str(), "m-1~1");
/// assert_eq!(id.result_id(), MessageId::parse("m-1").expect("a valid id").result_id());
///
/// assert!(MessageId::parse("with a space").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// Parses the id that a caller gave a request: 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if is_visible(text, MAX_GIVEN) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 128 visible ASCII characters")
        }
    }

    /// Parses an id that this service stored or sent. The id of a replay may be longer than the ids
    /// that callers may give.
    pub fn known(text: &str) -> Option<Self> {
        is_visible(text, MAX_STORED).then(|| Self(text.to_owned()))
    }

    /// Returns the id for a request without one, derived from its content.
    pub fn digest(content: &[u8]) -> Self {
        Self(uuid::Uuid::new_v5(&NAMESPACE, content).to_string())
    }

    /// Returns the id of the `number`th replay of a request that ended without a verdict. A replay
    /// is a request of its own.
    #[must_use]
    pub fn replay(&self, number: u32) -> Self {
        Self(format!("{}{REPLAY}{number}", self.0.split(REPLAY).next().unwrap_or_default()))
    }

    /// Returns whether the id may be that of a replay. Ids that callers gave may look like one.
    pub fn may_be_replay(&self) -> bool {
        self.0.contains(REPLAY)
    }

    /// Returns the id of the event with the result. It depends only on this id, so that consumers
    /// can recognise a repeated event.
    pub fn result_id(&self) -> String {
        uuid::Uuid::new_v5(&NAMESPACE, format!("result:{}", self.0).as_bytes()).to_string()
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_accepted: bool, is_known: bool) {
        assert_eq!(MessageId::parse(text).is_ok(), is_accepted, "{text}");
        assert_eq!(MessageId::known(text).as_ref().map(MessageId::as_str), is_known.then_some(text), "{text}");
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
        }
    }

    #[test]
    fn derived_ids_are_deterministic_and_distinct() {
        let id = MessageId::parse("m-1").expect("an id");
        let (first, second) = (id.replay(1), id.replay(1).replay(2));
        assert_eq!((first.as_str(), second.as_str()), ("m-1~1", "m-1~2"));
        assert_eq!([&id, &first].map(MessageId::may_be_replay), [false, true]);
        assert_eq!(id.result_id(), MessageId::parse("m-1").expect("an id").result_id());
        assert_ne!(first.result_id(), id.result_id());
        assert_eq!(MessageId::digest(b"a"), MessageId::digest(b"a"));
        assert_ne!(MessageId::digest(b"a"), MessageId::digest(b"b"));
    }
}
