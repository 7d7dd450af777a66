//! The request headers with which callers say how their request is processed.

use connectivity_domain::problem::ProblemKind;
use connectivity_edge::problem::Problem;
use http::HeaderMap;

/// Returns the `Idempotency-Key`, if there is one: 1 to 255 visible characters. It is a quoted string
/// (RFC 9651 section 3.3.3); the same text without quotes is the same key.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.len() <= 255 && second.is_none());
    let key = text.and_then(|text| text.strip_prefix('"').map_or(Some(text.to_owned()), unquoted));
    let detail = "there must be at most one Idempotency-Key, of 1 to 255 visible ASCII characters";
    key.filter(|key| !key.is_empty()).map(Some).ok_or_else(|| Problem::new(ProblemKind::InvalidRequest, detail))
}

/// Returns the content of a quoted string, of which `text` is the part after the first quote, or
/// `None` if it is malformed. Parameters after the string are ignored.
fn unquoted(text: &str) -> Option<String> {
    let mut content = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => content.push(characters.next().filter(|it| ['"', '\\'].contains(it))?),
            other => content.push(other),
        }
    }
    let rest = characters.as_str();
    (rest.is_empty() || rest.trim_start().starts_with(';')).then_some(content)
}

/// Returns whether the headers contain `Prefer: respond-async` (RFC 7240 section 4.1). The
/// preference has neither a value nor parameters; if there are any, they are ignored (section 2).
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).filter_map(|preference| preference.split([';', '=']).next());
    names.map(str::trim).any(|name| name.eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(values: &[&str], expected: Result<Option<&str>, ProblemKind>) {
        let values = values.iter().map(|value| HeaderValue::from_str(value).expect("a value"));
        let headers = values.map(|value| ("idempotency-key".parse().expect("a name"), value)).collect();
        let key = idempotency_key(&headers);
        assert_eq!(key.as_ref().map(Option::as_deref).map_err(Problem::kind), expected);
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        check(&[], Ok(None));
        check(&["k 1"], Ok(Some("k 1")));
        check(&["\"k 1\""], Ok(Some("k 1")));
        check(&["\"k 1\"; a=1"], Ok(Some("k 1")));
        check(&[r#""a\"b\\c""#], Ok(Some("a\"b\\c")));
        check(&["a\"b"], Ok(Some("a\"b")));
        for malformed in ["", "\"\"", "\"k", "\"k\"x", r#""k\x""#, r#""k\"#] {
            check(&[malformed], Err(ProblemKind::InvalidRequest));
        }
        check(&["k", "k"], Err(ProblemKind::InvalidRequest));
        check(&[&"k".repeat(255)], Ok(Some(&"k".repeat(255))));
        check(&[&"k".repeat(256)], Err(ProblemKind::InvalidRequest));
    }
}
