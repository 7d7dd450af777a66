//! The access token of a request, and the challenge for a request without a valid one.

use crate::problem::Problem;
use crate::token::{Caller, TokenError, Verifier};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::log::{self, Level};
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;

/// When to try again while the keys of an issuer cannot be reached.
const ISSUER_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Returns the caller, if its access token is valid and carries the scope, where one is needed.
///
/// # Errors
///
/// As RFC 6750 section 3 says: 401 without an error code if there is no token, 401 `invalid_token`
/// if the token is invalid, 403 `insufficient_scope` if the token lacks the scope. 503 if the token
/// cannot be verified because its issuer has not been reached yet.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    scope: Option<&str>,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Caller, Problem> {
    let token = bearer(headers)?;
    let caller = verifier.verify(token, now).await.map_err(|error| {
        log_refusal(error);
        if error == TokenError::NoKeys {
            let detail = "the issuer of the access token cannot be reached to verify it: try again later";
            return Problem::new(ProblemKind::NotReady, detail).retry_after(ISSUER_RETRY_AFTER);
        }
        invalid_token(error)
    })?;
    let Some(scope) = scope.filter(|scope| !caller.has_scope(scope)) else {
        return Ok(caller);
    };
    let detail = format!("the access token lacks the scope {scope}: get one for an account that has it");
    let header = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    Err(challenge(ProblemKind::Forbidden, detail, header).by(&caller.subject))
}

/// Logs why an access token is refused.
pub(super) fn log_refusal(cause: TokenError) {
    log::line(Level::Info, "access token refused", &[("cause", cause.to_string().into())]);
}

/// Returns the problem that the access token is invalid, and why.
pub(super) fn invalid_token(cause: TokenError) -> Problem {
    let header = format!("Bearer error=\"invalid_token\", error_description=\"{cause}\"");
    let detail = format!("the access token is not accepted, because {cause}: get a new one");
    challenge(ProblemKind::InvalidToken, detail, header)
}

/// Returns the token of the `Authorization` header, of which there must be exactly one (RFC 6750
/// section 2.1).
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
    let only = token.filter(|_| second.is_none());
    only.ok_or_else(|| {
        let detail = "exactly one Authorization header is needed: Bearer <token>";
        let header = "Bearer error=\"invalid_token\", error_description=\"there is not exactly one Bearer token\"";
        challenge(ProblemKind::InvalidToken, detail, header.into())
    })
}

fn challenge(kind: ProblemKind, detail: impl Into<String>, challenge: String) -> Problem {
    let value = HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Problem::new(kind, detail).header(header::WWW_AUTHENTICATE, value)
}
