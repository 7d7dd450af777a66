//! The bodies of requests and responses.

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{Account, AccountName, RateLimitChange, Scopes};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_edge::problem::Problem;
use connectivity_edge::rate_limit::AccountRate;
use http::{StatusCode, header};
use serde::{Deserialize, Deserializer, Serialize};

/// The name and the secret of an account, under the names that existing clients use.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Credentials {
    /// The account's name
    pub(crate) username: String,
    /// The secret of the account
    pub(crate) password: String,
}

/// A refresh token.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RefreshToken {
    pub(crate) refresh: String,
}

/// Any token.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AnyToken {
    pub(crate) token: String,
}

/// A new account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct NewAccount {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::name))]
    pub(crate) name: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::scopes))]
    pub(crate) scopes: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::rate_limit))]
    pub(crate) rate_limit: Option<String>,
}

/// The changes to an account. A field that is absent changes nothing, and neither do `scopes` and
/// `disabled` if they are null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ChangedAccount {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::scopes_or_none))]
    pub(crate) scopes: Option<Vec<String>>,
    /// Whether the account is disabled and cannot log in
    pub(crate) disabled: Option<bool>,
    #[serde(default, deserialize_with = "rate_limit_change")]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::rate_limit))]
    pub(crate) rate_limit: RateLimitChange,
}

/// A field that is null stands for the default, and one that is absent for no change.
fn rate_limit_change<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RateLimitChange, D::Error> {
    let limit = Option::<String>::deserialize(deserializer)?;
    Ok(limit.map_or(RateLimitChange::Default, RateLimitChange::Own))
}

/// An access token, and the refresh token for the next pair.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TokenPair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// An object without fields.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Nothing {}

/// An access token (RFC 6749 section 5.1).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct GrantedToken {
    pub(crate) access_token: String,
    /// How many seconds the token is valid
    pub(crate) expires_in: u64,
    /// The scopes of the token, separated by blanks
    pub(crate) scope: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::token_type))]
    pub(crate) token_type: &'static str,
}

/// The state of a token (RFC 7662 section 2.2).
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) enum Introspection<'a> {
    /// The token is valid, and its session has not ended
    Active {
        active: bool,
        client_id: &'a str,
        /// When the token expires, in seconds since the epoch
        exp: i64,
        /// When the token was issued, in seconds since the epoch
        #[cfg_attr(feature = "openapi", schema(required))]
        iat: Option<i64>,
        iss: &'a str,
        jti: &'a str,
        /// The scopes of the token, separated by blanks
        scope: String,
        sub: &'a str,
        /// `Bearer` for an access token, `refresh` for a refresh token
        token_type: &'static str,
    },
    /// The token is invalid, expired or revoked
    Inactive { active: bool },
}

/// A service account, without its secret.
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Account))]
pub(crate) struct AccountAnswer<'a> {
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created_at: String,
    /// Whether the account is disabled and cannot log in
    disabled: bool,
    /// When the account last logged in
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    last_used_at: Option<String>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::name))]
    name: &'a str,
    #[cfg_attr(feature = "openapi", schema(required, schema_with = crate::schema::rate_limit))]
    rate_limit: Option<&'a str>,
    /// When the account got its present secret
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    rotated_at: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::scopes))]
    scopes: Vec<&'static str>,
}

/// An account and its new secret, which cannot be shown again.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AccountWithSecret<'a> {
    #[serde(flatten)]
    account: AccountAnswer<'a>,
    secret: &'a str,
}

/// All accounts. It has the form of a page, and there is only one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AccountList<'a> {
    count: usize,
    #[cfg_attr(feature = "openapi", schema(required))]
    next: Option<&'a str>,
    #[cfg_attr(feature = "openapi", schema(required))]
    previous: Option<&'a str>,
    results: Vec<AccountAnswer<'a>>,
}

pub(crate) fn read_name(text: &str) -> Result<AccountName, Problem> {
    AccountName::parse(text).map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()).field("name"))
}

/// Parses the names of scopes, at least one.
pub(crate) fn read_scopes(names: &[String]) -> Result<Scopes, Problem> {
    let wrong = |what: &str| Problem::new(ProblemKind::InvalidRequest, what).field("scopes");
    let scopes = Scopes::from_names(names).map_err(|error| wrong(&error.to_string()))?;
    if scopes.is_empty() { Err(wrong("give at least one scope")) } else { Ok(scopes) }
}

/// Parses a rate limit, and returns it as tokens carry it.
pub(crate) fn read_rate_limit(text: &str) -> Result<String, Problem> {
    let detail = "rate_limit must be off, null, or look like 1000/hour (second, minute, hour or day)";
    let rate = AccountRate::parse(text).map(|rate| rate.to_string());
    rate.ok_or_else(|| Problem::new(ProblemKind::InvalidRequest, detail).field("rate_limit"))
}

pub(crate) fn account(account: &Account) -> AccountAnswer<'_> {
    AccountAnswer {
        created_at: account.created_at.to_rfc3339_micros(),
        disabled: account.disabled,
        last_used_at: account.last_used_at.map(Timestamp::to_rfc3339_micros),
        name: account.name.as_str(),
        rate_limit: account.rate_limit.as_deref(),
        rotated_at: account.rotated_at.to_rfc3339_micros(),
        scopes: account.scopes.names(),
    }
}

pub(crate) fn accounts(accounts: &[Account]) -> Response {
    let results = accounts.iter().map(account).collect();
    Json(AccountList { count: accounts.len(), next: None, previous: None, results }).into_response()
}

pub(crate) fn account_with_secret(it: &Account, secret: &str, status: StatusCode) -> Response {
    let location = format!("/api/v1/service-accounts/{}/", it.name);
    let mut response = (status, Json(AccountWithSecret { account: account(it), secret })).into_response();
    if status == StatusCode::CREATED
        && let Ok(location) = location.parse()
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
