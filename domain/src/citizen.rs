//! Ids of citizens.

use serde_json::{Number, Value};
use std::fmt;

/// The id of a citizen in its canonical form: 6 to 12 ASCII digits without leading zeros (API
/// contract, affiliation check). The registry counts ids as numbers, so `0012345678` and `12345678`
/// are one citizen.
///
/// An id is personal data, so `Debug` shows only the last four digits and there is no `Display`.
///
/// ```
/// use connectivity_domain::citizen::{CitizenId, CitizenIdError};
///
/// let id = CitizenId::parse(" 001128456232 ").expect("a valid id");
/// assert_eq!(id.as_str(), "1128456232");
/// assert_eq!(id.masked(), "******6232");
/// assert_eq!(CitizenId::from_json(&1128456232.0.into()), Ok(id));
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
    /// The id has fewer than 6 digits, without leading zeros.
    #[error("must have at least 6 digits, not counting leading zeros")]
    TooShort,
    /// The id has more than 12 digits, without leading zeros.
    #[error("must have at most 12 digits")]
    TooLong,
    /// The JSON value is neither a string nor a whole number.
    #[error("must be a whole number or a string of 6 to 12 digits")]
    NotAnId,
}

/// The largest whole number that every JSON parser reads exactly (RFC 8259 section 6).
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl CitizenId {
    /// Parses an id. White space around it and leading zeros are ignored.
    pub fn parse(text: &str) -> Result<Self, CitizenIdError> {
        let text = text.trim();
        let digits = text.trim_start_matches('0');
        if text.is_empty() {
            Err(CitizenIdError::Empty)
        } else if !digits.bytes().take(13).all(|byte| byte.is_ascii_digit()) {
            Err(CitizenIdError::NotDigits)
        } else if digits.len() < 6 {
            Err(CitizenIdError::TooShort)
        } else if digits.len() > 12 {
            Err(CitizenIdError::TooLong)
        } else {
            Ok(Self(digits.to_owned()))
        }
    }

    /// Parses a string with an id, or a whole number. A number may be written as `1128456232.0` or
    /// `1.128456232e9`, because some programs write every number so: in JSON Schema these are
    /// integers too (2020-12 validation, section 6.1.1).
    pub fn from_json(value: &Value) -> Result<Self, CitizenIdError> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&whole(number).ok_or(CitizenIdError::NotAnId)?),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(CitizenIdError::NotAnId),
        }
    }

    /// Returns the id of a record: 1 to 12 digits. Earlier releases have accepted ids that have
    /// fewer than 6 digits in their canonical form.
    pub fn of_record(text: &str) -> Option<Self> {
        let is_id = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_id.then(|| Self(text.to_owned()))
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id for logs: every digit but the last four is replaced by `*`.
    pub fn masked(&self) -> String {
        let hidden = self.0.len().saturating_sub(4);
        format!("{}{}", "*".repeat(hidden), &self.0[hidden..])
    }
}

/// Returns the digits of a number that is whole, not negative, and small enough to be exact.
fn whole(number: &Number) -> Option<String> {
    if number.is_u64() {
        return Some(number.to_string());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=MAX_EXACT).contains(float));
    float.map(|float| format!("{:.0}", float.abs()))
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
    }

    #[test]
    fn leading_zeros_are_not_part_of_an_id() {
        check("0012345678", Ok("12345678"));
        check(" 0000001128456232 ", Ok("1128456232"));
        check("000123456789012", Ok("123456789012"));
        check("0001234567890123", Err(CitizenIdError::TooLong));
        for text in ["0", "000000", "000124", "000000012345"] {
            check(text, Err(CitizenIdError::TooShort));
        }
        check("00a", Err(CitizenIdError::NotDigits));
    }

    #[test]
    fn json_strings_and_whole_numbers_are_accepted() {
        for (json, expected) in [
            ("\" 1128456232 \"", Ok("1128456232")),
            ("1128456232", Ok("1128456232")),
            ("1128456232.0", Ok("1128456232")),
            ("1.128456232e9", Ok("1128456232")),
            ("123456789012.00", Ok("123456789012")),
            ("12345.0", Err(CitizenIdError::TooShort)),
            ("0", Err(CitizenIdError::TooShort)),
            ("-0.0", Err(CitizenIdError::TooShort)),
            ("1234567890123", Err(CitizenIdError::TooLong)),
            ("9007199254740992.0", Err(CitizenIdError::TooLong)),
            ("9007199254740994.0", Err(CitizenIdError::NotAnId)),
            ("18446744073709551616", Err(CitizenIdError::NotAnId)),
            ("1e30", Err(CitizenIdError::NotAnId)),
            ("1128456232.5", Err(CitizenIdError::NotAnId)),
            ("-1128456232", Err(CitizenIdError::NotAnId)),
            ("-1128456232.0", Err(CitizenIdError::NotAnId)),
            ("true", Err(CitizenIdError::NotAnId)),
            ("null", Err(CitizenIdError::NotAnId)),
            ("[1128456232]", Err(CitizenIdError::NotAnId)),
            ("\"1128456232.0\"", Err(CitizenIdError::NotDigits)),
        ] {
            let value = serde_json::from_str(json).expect("JSON");
            let parsed = CitizenId::from_json(&value);
            assert_eq!(parsed.as_ref().map(CitizenId::as_str).map_err(|error| *error), expected, "{json}");
        }
    }

    #[test]
    fn records_of_earlier_releases_can_be_read() {
        for (text, is_id) in [("124", true), ("000124", true), ("123456789012", true), ("", false), ("12a456", false)] {
            assert_eq!(CitizenId::of_record(text).is_some(), is_id, "{text}");
        }
        assert_eq!(CitizenId::of_record("124").expect("an id").masked(), "124");
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
