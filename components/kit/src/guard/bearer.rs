//! The access token of a request, and how a request without a good one is challenged.

use crate::log::{self, Level};
use crate::problem::Problem;
use crate::token::{Caller, TokenError, Verifier};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;

/// When to come back while an issuer is down.
const SOON: Duration = Duration::from_secs(5);

/// The caller, if its token holds and carries the scope, where one is needed.
///
/// Errors as RFC 6750 section 3 says: 401 with a challenge and no error code where no token came, `invalid_token` where
/// one came that does not hold, 403 `insufficient_scope` where it holds but is for something else.
///
/// A token that cannot be judged, because its issuer has not been reached so far, is a 503.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    scope: Option<&str>,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Caller, Problem> {
    let token = bearer(headers)?;
    let caller = verifier.verify(token, now).await.map_err(|error| {
        log::line(Level::Info, "token refused", &[("cause", error.to_string().into())]);
        if error == TokenError::NoKeys {
            let detail = "the token's issuer cannot be reached to verify it: try again later";
            return Problem::new(ProblemKind::NotReady, detail).retry_after(SOON);
        }
        invalid("the access token is not valid or no longer valid: get a new one")
    })?;
    let Some(scope) = scope.filter(|scope| !caller.has_scope(scope)) else {
        return Ok(caller);
    };
    let detail = format!("the access token lacks the scope {scope}: get one for an account that has it");
    let header = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    Err(challenge(ProblemKind::Forbidden, detail, header).by(&caller.subject))
}

/// A token that does not hold.
pub(super) fn invalid(detail: &str) -> Problem {
    challenge(ProblemKind::InvalidToken, detail, "Bearer error=\"invalid_token\"".into())
}

/// The one token of the one `Authorization` header (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else {
        let detail = "an access token is needed: Authorization: Bearer <token>";
        return Err(challenge(ProblemKind::Unauthenticated, detail, "Bearer".into()));
    };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start_matches(' '))
    });
    let one = token.filter(|_| second.is_none());
    one.ok_or_else(|| invalid("exactly one Authorization header is needed: Bearer <token>"))
}

fn challenge(kind: ProblemKind, detail: impl Into<String>, challenge: String) -> Problem {
    let value = HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Problem::new(kind, detail).header(header::WWW_AUTHENTICATE, value)
}
