//! Text for people: that of others for a terminal, and errors with their causes.

use std::error::Error;

/// Returns the message of an error with those of its causes, each of them once.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}

/// Returns why an HTTP request failed, without its URL: an id may be a part of it.
pub(crate) fn http_cause(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

/// Returns a text without characters that a terminal would act on: control characters, and those
/// that change the direction of text or are invisible, are written as escape sequences.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\'' => printable.push(letter),
            letter => printable.extend(letter.escape_debug()),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_are_reported_once() {
        let layers = |texts: &[&'static str]| {
            texts.iter().rev().fold(None, |source, text| Some(Box::new(Layer { text, source }))).expect("a layer")
        };
        for (texts, expected) in [
            (&["a"][..], "a"),
            (&["a", "b", "c"], "a: b: c"),
            (&["a: b", "b", "c"], "a: b: c"),
            (&["a", "a", "a"], "a"),
        ] {
            assert_eq!(with_causes(&*layers(texts)), expected);
        }
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        for (text, expected) in [
            ("doc-1 é 漢 \"quoted\" it's", "doc-1 é 漢 \"quoted\" it's"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", r"\u{1b}[2J\u{1b}]0;title\u{7}"),
            ("a\r\nb\t\0", r"a\r\nb\t\0"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            (r"\u{1b}", r"\\u{1b}"),
        ] {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }
}
