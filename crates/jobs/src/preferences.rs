//! The request headers with which callers say how their request is processed.

use connectivity_domain::problem::ProblemKind;
use connectivity_edge::problem::Problem;
use http::HeaderMap;

/// Returns the `Idempotency-Key`, if there is one: 1 to 255 visible characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()) && second.is_none());
    let detail = "there must be at most one Idempotency-Key, of 1 to 255 visible ASCII characters";
    key.map(Some).ok_or_else(|| Problem::new(ProblemKind::InvalidRequest, detail))
}

/// Returns whether the headers contain `Prefer: respond-async` (RFC 7240 section 4.1). The
/// preference has neither a value nor parameters; if there are any, they are ignored (section 2).
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).filter_map(|preference| preference.split([';', '=']).next());
    names.map(str::trim).any(|name| name.eq_ignore_ascii_case("respond-async"))
}
