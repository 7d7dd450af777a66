//! Schemas of the routes, for the OpenAPI document.

mod problems;

pub(crate) use problems::{
    AskAboutTokenProblems, ChangeProblems, CreateProblems, DiscoverProblems, FindProblems, GrantProblems, ListProblems,
    MetadataProblems, ObtainProblems, UseTokenProblems,
};

use connectivity_domain::access::Scope;
use connectivity_edge::schema::one_of;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

/// The form of a client that requests a token.
#[derive(ToSchema)]
#[schema(example = json!({"grant_type": "client_credentials", "scope": "affiliation"}))]
#[expect(dead_code, reason = "`client` reads the parameters one by one")]
pub(crate) struct TokenForm {
    #[schema(schema_with = grant_type)]
    grant_type: String,
    /// The scopes of the token, separated by single blanks. By default all scopes of the client
    #[schema(nullable = false, example = "affiliation documents")]
    scope: Option<String>,
    /// The name of the account, if the client does not use HTTP Basic
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// The secret of the account
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// The form of a request about a token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`client` reads the parameters one by one")]
pub(crate) struct AnyTokenForm {
    /// An access token or a refresh token
    #[schema(min_length = 1)]
    token: String,
    /// The name of the account, if the client uses neither HTTP Basic nor an access token
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// The secret of the account
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the published set is made from `jwt_public_keys`")]
pub(crate) struct KeySet {
    /// The public members of each key
    keys: Vec<Map<String, Value>>,
}

fn grant_type() -> RefOr<Schema> {
    one_of(&["client_credentials"], "The only supported grant")
}

pub(crate) fn token_type() -> RefOr<Schema> {
    one_of(&["Bearer"], "How to use the token (RFC 6750)")
}

pub(crate) fn error_code() -> RefOr<Schema> {
    let codes = ["invalid_request", "invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type"];
    one_of(&codes, "The error code (RFC 6749 section 5.2)")
}

pub(crate) fn name() -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"));
    name.description(Some("1 to 64 letters (a-z, A-Z), digits, `.`, `_` and `-`, beginning with a letter or a digit"))
        .into()
}

/// Returns the schema of the rate limit of an account, or null.
pub(crate) fn rate_limit() -> RefOr<Schema> {
    let limit = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let described = "How many calls the account may make: `N/second`, `minute`, `hour` or `day`, or `off`. Null \
                     stands for the default (`throttle_user`)";
    let form = "^(off|[1-9][0-9]{0,17}/(second|minute|hour|day))$";
    limit.pattern(Some(form)).description(Some(described)).into()
}

pub(crate) fn scopes() -> RefOr<Schema> {
    list_of_scopes().into()
}

/// Returns the schema of scopes that are changed, or null.
pub(crate) fn scopes_or_none() -> RefOr<Schema> {
    list_of_scopes().schema_type(SchemaType::from_iter([Type::Array, Type::Null])).into()
}

fn list_of_scopes() -> ArrayBuilder {
    let scope = one_of(&Scope::ALL.map(Scope::as_str), "A scope of the account");
    ArrayBuilder::new().items(scope).min_items(Some(1)).unique_items(true)
}

/// Returns example credentials.
pub(crate) fn credentials() -> Value {
    json!({"username": "operator", "password": "the secret that was shown once"})
}
