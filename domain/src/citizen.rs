//! The citizen's id.

use std::fmt;

/// A citizen's id: 6 to 12 ASCII digits (API contract, affiliation check).
///
/// It identifies a person: `Debug` shows the last four digits, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CitizenId(String);

/// Why a text is not a citizen's id. The messages are for the caller and do not repeat what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CitizenIdError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// A character that is not one of 0 to 9.
    #[error("must be of the digits 0 to 9 only")]
    NotDigits,
    /// Fewer than 6 digits.
    #[error("must have at least 6 digits")]
    TooShort,
    /// More than 12 characters.
    #[error("must have at most 12 digits")]
    TooLong,
}

impl CitizenId {
    /// Reads an id; white space around it does not count.
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

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For logs: only the last four digits can be read.
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
    fn six_to_twelve_digits_are_an_id() {
        check("123456", Ok("123456"));
        check("123456789012", Ok("123456789012"));
        check(" \t1128456232\n", Ok("1128456232"));
        check("000000", Ok("000000"));
    }

    #[test]
    fn anything_else_is_not() {
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
    fn it_is_shown_by_its_last_four_digits_only() {
        let id = CitizenId::parse("1128456232").expect("an id");
        assert_eq!(format!("{id:?}"), "CitizenId(******6232)");
    }
}
