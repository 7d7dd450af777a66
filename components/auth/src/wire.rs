//! The bodies of requests and answers, and how they are read and made.

use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{Account, AccountName, Scopes};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_kit::problem::{Problem, expect_json};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Name and secret of an account, as the clients that there are send them.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A refresh token.
#[derive(Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) refresh: String,
}

/// Any token.
#[derive(Deserialize)]
pub(crate) struct AnyToken {
    pub(crate) token: String,
}

/// A new account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
}

/// What is to be different about an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedAccount {
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) disabled: Option<bool>,
}

/// Reads a body. What is wrong with it is told without repeating it.
pub(crate) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], shape: &str) -> Result<T, Problem> {
    expect_json(headers)?;
    serde_json::from_slice(body)
        .map_err(|_| Problem::new(ProblemKind::InvalidRequest, format!("the body must look like {shape}")))
}

/// Reads the name of an account.
pub(crate) fn name(text: &str) -> Result<AccountName, Problem> {
    AccountName::parse(text).map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()).field("name"))
}

/// Reads scopes; an account without any would be of no use.
pub(crate) fn scopes(names: &[String]) -> Result<Scopes, Problem> {
    let wrong = |what: &str| Problem::new(ProblemKind::InvalidRequest, what).field("scopes");
    let scopes = Scopes::of(names).map_err(|error| wrong(&error.to_string()))?;
    if scopes.is_empty() { Err(wrong("give at least one scope")) } else { Ok(scopes) }
}

/// An account, without its secret.
pub(crate) fn account(account: &Account) -> Value {
    json!({
        "name": account.name.as_str(),
        "scopes": account.scopes.names(),
        "disabled": account.disabled,
        "created_at": account.created_at.to_rfc3339_micros(),
        "rotated_at": account.rotated_at.to_rfc3339_micros(),
        "last_used_at": account.last_used_at.map(Timestamp::to_rfc3339_micros),
    })
}

/// An account and its new secret, which is shown this once.
pub(crate) fn account_with_secret(it: &Account, secret: &str, status: StatusCode) -> Response {
    let mut body = account(it);
    body["secret"] = secret.into();
    let location = format!("/api/v1/service-accounts/{}/", it.name);
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::CREATED
        && let Ok(location) = location.parse()
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
