//! The bodies of requests and answers, and how they are read and made.

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{Account, AccountName, Scopes};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_kit::problem::{Problem, expect_json};
use connectivity_kit::request::object;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Name and secret of an account, as the clients that there are send them.
#[derive(Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Credentials {
    /// The account's name
    pub(crate) username: String,
    /// Its secret
    pub(crate) password: String,
}

/// A refresh token.
#[derive(Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct RefreshToken {
    pub(crate) refresh: String,
}

/// Any token.
#[derive(Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct AnyToken {
    pub(crate) token: String,
}

/// A new account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct NewAccount {
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::name))]
    pub(crate) name: String,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::scopes))]
    pub(crate) scopes: Vec<String>,
}

/// What is to be different about an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct ChangedAccount {
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::scopes_or_none))]
    pub(crate) scopes: Option<Vec<String>>,
    /// It may not log in
    pub(crate) disabled: Option<bool>,
}

/// A token to call with, and one to get the next pair with.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct TokenPair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// An object without fields: there is nothing to say.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct Nothing {}

/// An access token (RFC 6749 section 5.1).
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct GrantedToken {
    pub(crate) access_token: String,
    /// For how many seconds it holds
    pub(crate) expires_in: u64,
    /// What it is for: names separated by blanks
    pub(crate) scope: String,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::token_type))]
    pub(crate) token_type: &'static str,
}

/// What a token is (RFC 7662 section 2.2).
// In the order in which they have always been written.
#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) enum Introspection<'a> {
    /// A token that holds, of a login that has not ended
    Active {
        active: bool,
        client_id: &'a str,
        /// In seconds since the epoch
        exp: i64,
        /// In seconds since the epoch
        #[cfg_attr(not(target_family = "wasm"), schema(required))]
        iat: Option<i64>,
        iss: &'a str,
        jti: &'a str,
        /// Names separated by blanks
        scope: String,
        sub: &'a str,
        /// `Bearer`: an access token; `refresh`: a refresh token
        token_type: &'static str,
    },
    /// Anything else
    Inactive { active: bool },
}

/// A service account, without its secret.
// In the order in which they have always been written.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema), schema(as = Account))]
pub(crate) struct AccountAnswer<'a> {
    #[cfg_attr(not(target_family = "wasm"), schema(format = DateTime))]
    created_at: String,
    /// It may not log in
    disabled: bool,
    /// When somebody logged in with it last
    #[cfg_attr(not(target_family = "wasm"), schema(required, format = DateTime))]
    last_used_at: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::name))]
    name: &'a str,
    /// When it got its secret
    #[cfg_attr(not(target_family = "wasm"), schema(format = DateTime))]
    rotated_at: String,
    #[cfg_attr(not(target_family = "wasm"), schema(schema_with = crate::openapi::scopes))]
    scopes: Vec<&'static str>,
}

/// An account and its new secret, which is shown this once.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct AccountWithSecret<'a> {
    #[serde(flatten)]
    account: AccountAnswer<'a>,
    secret: &'a str,
}

/// All accounts. It looks like a page, and is the only one.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(utoipa::ToSchema))]
pub(crate) struct AccountList<'a> {
    count: usize,
    #[cfg_attr(not(target_family = "wasm"), schema(required))]
    next: Option<&'a str>,
    #[cfg_attr(not(target_family = "wasm"), schema(required))]
    previous: Option<&'a str>,
    results: Vec<AccountAnswer<'a>>,
}

/// Reads a body. What is wrong with it is told without repeating it.
pub(crate) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], shape: &str) -> Result<T, Problem> {
    expect_json(headers)?;
    object(body).map_err(|_| Problem::new(ProblemKind::InvalidRequest, format!("the body must look like {shape}")))
}

/// Reads the name of an account.
pub(crate) fn name(text: &str) -> Result<AccountName, Problem> {
    AccountName::parse(text).map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()).field("name"))
}

/// Reads scopes; an account without any would be of no use.
pub(crate) fn scopes(names: &[String]) -> Result<Scopes, Problem> {
    let wrong = |what: &str| Problem::new(ProblemKind::InvalidRequest, what).field("scopes");
    let scopes = Scopes::from_names(names).map_err(|error| wrong(&error.to_string()))?;
    if scopes.is_empty() { Err(wrong("give at least one scope")) } else { Ok(scopes) }
}

/// An account, without its secret.
pub(crate) fn account(account: &Account) -> AccountAnswer<'_> {
    AccountAnswer {
        created_at: account.created_at.to_rfc3339_micros(),
        disabled: account.disabled,
        last_used_at: account.last_used_at.map(Timestamp::to_rfc3339_micros),
        name: account.name.as_str(),
        rotated_at: account.rotated_at.to_rfc3339_micros(),
        scopes: account.scopes.names(),
    }
}

/// All accounts.
pub(crate) fn accounts(accounts: &[Account]) -> Response {
    let results = accounts.iter().map(account).collect();
    Json(AccountList { count: accounts.len(), next: None, previous: None, results }).into_response()
}

/// An account and its new secret, which is shown this once.
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
