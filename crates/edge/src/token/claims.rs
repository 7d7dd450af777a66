//! The claims of a token.

use super::caller::{Caller, TokenKind, Verified};
use super::digest::sha256;
use super::error::TokenError;
use crate::rate_limit::AccountRate;
use connectivity_domain::access::Scopes;
use connectivity_domain::time::Timestamp;
use serde_json::{Map, Value};
use std::time::Duration;

/// By how much the clock of an issuer may differ from ours.
pub(super) const LEEWAY: Duration = Duration::from_mins(1);

/// The longest id that is accepted, in bytes: what the tables of records and sessions hold.
const MAX_ID: usize = 128;

/// The end of the year 9999, the last time that the databases can store, in microseconds.
const LAST_TIME: f64 = 253_402_300_799_000_000.0;

/// The claims of a token, as its payload has them.
pub(super) struct Claims(Map<String, Value>);

/// Another issuer that is trusted, and what its tokens may do.
#[derive(Clone, Copy)]
pub(super) struct Trust<'a> {
    pub(super) issuer: &'a str,
    pub(super) scopes: &'a Scopes,
}

/// When a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    from: Timestamp,
    until: Timestamp,
}

impl Validity {
    /// Checks that `now` is within the times, give or take the leeway.
    pub(super) fn check(self, now: Timestamp) -> Result<(), TokenError> {
        if self.until.plus(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        if self.from > now.plus(LEEWAY) { Err(TokenError::NotYetValid) } else { Ok(()) }
    }
}

impl Claims {
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// Returns the name of the issuer that the token claims to have.
    pub(super) fn issuer(&self) -> Result<Option<&str>, TokenError> {
        self.0.get("iss").map(|name| name.as_str().ok_or(TokenError::Issuer)).transpose()
    }

    /// Checks the claims of a token that this service has signed.
    pub(super) fn of_own(&self, issuer: &str, audience: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let kind = match self.text("token_type") {
            Some("access") => TokenKind::Access,
            Some("refresh") => TokenKind::Refresh,
            _ => return Err(TokenError::Kind),
        };
        self.check_audience(audience)?;
        let (subject, token_id) = (self.id("sub")?, self.id("jti")?);
        let session = if self.0.contains_key("sid") { self.id("sid")? } else { token_id };
        let scope = self.0.get("scope").and_then(Value::as_str).ok_or(TokenError::Claims)?;
        let (validity, issued_at) = self.times(now)?;
        let scopes = words(scope).map(str::to_owned).collect();
        let mut caller = Caller::new(subject.to_owned(), session.to_owned(), validity.until, scopes);
        caller.rate_limit = self.text("rate_limit").and_then(AccountRate::parse);
        Ok(Verified {
            kind,
            caller,
            subject: subject.to_owned(),
            token_id: token_id.to_owned(),
            issuer: issuer.to_owned(),
            issued_at,
            is_ours: true,
            validity,
        })
    }

    /// Checks the claims of an access token that another issuer has signed, in the forms that
    /// issuers use: RFC 9068, and those with `scp`, `scopes` or `roles` in place of `scope`.
    /// `signed` is the part of the token that its signature covers.
    pub(super) fn of_other(
        &self,
        trust: Trust<'_>,
        audience: &str,
        signed: &str,
        now: Timestamp,
    ) -> Result<Verified, TokenError> {
        let types = ["access", "access_token", "bearer"];
        let kind = self.0.get("token_type").map(|kind| kind.as_str().unwrap_or_default());
        if kind.is_some_and(|kind| !types.iter().any(|known| kind.eq_ignore_ascii_case(known))) {
            return Err(TokenError::Kind);
        }
        self.check_audience(audience)?;
        let subject = ["sub", "client_id", "azp"].into_iter().find_map(|name| self.text(name));
        let subject = subject.ok_or(TokenError::Claims)?;
        let names = ["scope", "scp", "scopes", "roles"].into_iter().flat_map(|name| self.names(name));
        self.of_trusted(trust, subject, names, signed, now)
    }

    /// Checks the claims of a token of a service that signs with a shared secret: `client_id`,
    /// `scopes`, and `type`, without `iss`, `aud` and `sub`.
    pub(super) fn of_shared(&self, trust: Trust<'_>, signed: &str, now: Timestamp) -> Result<Verified, TokenError> {
        if self.text("type") != Some("client_credentials") {
            return Err(TokenError::Kind);
        }
        let subject = self.text("client_id").ok_or(TokenError::Claims)?;
        self.of_trusted(trust, subject, self.names("scopes"), signed, now)
    }

    /// Subjects and sessions of another issuer are its own: they never equal those of this service.
    fn of_trusted<'a>(
        &self,
        trust: Trust<'_>,
        subject: &str,
        names: impl IntoIterator<Item = &'a str>,
        signed: &str,
        now: Timestamp,
    ) -> Result<Verified, TokenError> {
        let allowed = trust.scopes.names();
        let mut scopes: Vec<_> = names.into_iter().filter(|name| allowed.contains(name)).map(str::to_owned).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let (validity, issued_at) = self.times(now)?;
        // Not `sid`: the issuer's session may outlive the revocation of one of its tokens. Without
        // `jti` the signed part is what cannot be changed; the signature can have two forms.
        let token_id = self.text("jti").map_or_else(|| sha256(&[signed]), str::to_owned);
        let session = sha256(&[trust.issuer, &token_id]);
        let caller = Caller::new(qualified(trust.issuer, subject), session, validity.until, scopes);
        Ok(Verified {
            kind: TokenKind::Access,
            caller,
            subject: subject.to_owned(),
            token_id,
            issuer: trust.issuer.to_owned(),
            issued_at,
            is_ours: false,
            validity,
        })
    }

    fn check_audience(&self, audience: &str) -> Result<(), TokenError> {
        let is_named = match self.0.get("aud") {
            Some(Value::String(name)) => name == audience,
            Some(Value::Array(names)) => names.iter().any(|name| name == audience),
            _ => false,
        };
        if is_named { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// Returns when the token is valid, which includes `now`, and `iat` in seconds.
    fn times(&self, now: Timestamp) -> Result<(Validity, Option<i64>), TokenError> {
        let until = self.time("exp")?.ok_or(TokenError::Claims)?;
        let issued_at = self.time("iat")?;
        let from = self.time("nbf")?.into_iter().chain(issued_at).max().unwrap_or(Timestamp::from_micros(0));
        let validity = Validity { from, until };
        validity.check(now)?;
        Ok((validity, issued_at.map(|at| at.as_micros().div_euclid(1_000_000))))
    }

    /// Returns a `NumericDate`, which may have a fraction (RFC 7519 section 2).
    fn time(&self, name: &str) -> Result<Option<Timestamp>, TokenError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let seconds = value.as_f64().ok_or(TokenError::Claims)?;
        #[expect(clippy::cast_possible_truncation, reason = "the value is within the range")]
        let micros = (seconds * 1e6).clamp(0.0, LAST_TIME) as i64;
        Ok(Some(Timestamp::from_micros(micros)))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn id(&self, name: &str) -> Result<&str, TokenError> {
        self.text(name).filter(|id| id.len() <= MAX_ID).ok_or(TokenError::Claims)
    }

    /// Returns names that are separated by spaces, or in an array.
    fn names(&self, name: &str) -> impl Iterator<Item = &str> {
        let value = self.0.get(name);
        let list = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        value.and_then(Value::as_str).map(words).into_iter().flatten().chain(list)
    }
}

/// The cache keeps a revocation for as long as a token of its session is accepted.
const _: () = assert!(connectivity_storage::cache::Revocation::LEEWAY.as_secs() > LEEWAY.as_secs());

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// Returns the subject of another issuer under a name that no account of this service can have.
fn qualified(issuer: &str, subject: &str) -> String {
    let name = format!("{issuer}|{subject}");
    if name.len() <= MAX_ID { name } else { format!("sha256|{}", sha256(&[issuer, subject])) }
}
