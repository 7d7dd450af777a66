//! Ids of citizens.

use std::fmt;

/// The id of a citizen: 6 to 12 ASCII digits (API contract, affiliation check).
///
/// An id is personal data, so `Debug` shows only the last four digits and there is no `Display`.
///
/// ```
/// use connectivity_domain::citizen::{CitizenId, CitizenIdError};
///
/// let id = CitizenId::parse(" 1128456232 ").expect("a valid id");
/// assert_eq!(id.as_str(), "1128456232");
/// assert_eq!(id.masked(), "******6232");
///
/// assert_eq!(CitizenId::parse("12345"), Err(CitizenIdError::TooShort));
/// assert_eq!(CitizenId::parse("12345x"), Err(CitizenIdError::NotDigits));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CitizenId(String);

/// Why a text is not the id of a citizen. The messages are for the caller and do not repeat the
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CitizenIdError {
    /// The text is empty or white space.
    #[error("must not be empty")]
    Empty,
    /// The text has a character other than 0 to 9.
    #[error("must consist of the digits 0 to 9")]
    NotDigits,
    /// The id has fewer than 6 digits.
    #[error("must have at least 6 digits")]
    TooShort,
    /// The id has more than 12 digits.
    #[error("must have at most 12 digits")]
    TooLong,
}

impl CitizenId {
    /// Parses an id. White space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, CitizenIdError> {
        let text = text.trim();
        if text.is_empty() {
            Err(CitizenIdError::Empty)
        } else if !text.bytes().take(13).all(|byte| byte.is_ascii_digit()) {
            Err(CitizenIdError::NotDigits)
        } else if text.len() < 6 {
            Err(CitizenIdError::TooShort)
        } else if text.len() > 12 {
            Err(CitizenIdError::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id for logs: every digit but the last four is replaced by `*`.
    pub fn masked(&self) -> String {
        let hidden = self.0.len() - 4;
        format!("{}{}", "*".repeat(hidden), &self.0[hidden..])
    }
}

impl fmt::Debug for CitizenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CitizenId({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<&str, CitizenIdError>) {
        let parsed = CitizenId::parse(input);
        assert_eq!(parsed.as_ref().map(CitizenId::as_str).map_err(|error| *error), expected, "{input:?}");
    }

    #[test]
    fn six_to_twelve_digits_are_valid() {
        check("123456", Ok("123456"));
        check("123456789012", Ok("123456789012"));
        check(" \t1128456232\n", Ok("1128456232"));
        check("000000", Ok("000000"));
    }

    #[test]
    fn anything_else_is_rejected() {
        check("", Err(CitizenIdError::Empty));
        check(" \u{a0}\t", Err(CitizenIdError::Empty));
        check("12345", Err(CitizenIdError::TooShort));
        check("1234567890123", Err(CitizenIdError::TooLong));
        check(&"1".repeat(1_000_000), Err(CitizenIdError::TooLong));
        for text in [
            "abcdef",
            "12345a",
            "123 456",
            "+123456",
            "-123456",
            "1234.5",
            "0x1234",
            "１２３４５６",
            "١٢٣٤٥٦",
            "123456\0",
            "12'or'1",
        ] {
            check(text, Err(CitizenIdError::NotDigits));
        }
    }

    #[test]
    fn debug_shows_the_last_four_digits_only() {
        let id = CitizenId::parse("1128456232").expect("an id");
        assert_eq!(format!("{id:?}"), "CitizenId(******6232)");
    }
}
