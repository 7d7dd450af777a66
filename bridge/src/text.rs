//! Text of others for a terminal.

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
