//! What the API's document says of the routes here.

use crate::client::ErrorBody;
use crate::{accounts, discovery, oauth, tokens};
use connectivity_domain::access::Scope;

use connectivity_kit::openapi::{Problems, Refusals, one_of};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, Schema};
use utoipa::{IntoResponses, OpenApi, ToSchema};

mod problems;

pub(crate) use problems::{AskAboutToken, Change, Create, Discover, Find, Grant, Look, Obtain, UseToken};

/// The document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let schemas = document.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (_, schema) in schemas.filter(|(name, _)| name.ends_with("Form")) {
        // Parameters that are not known do not matter, as long as they do not come twice (RFC 6749 section 3.2).
        let text = Schema::Object(ObjectBuilder::new().schema_type(Type::String).build());
        if let RefOr::T(Schema::Object(form)) = schema {
            form.additional_properties = Some(Box::new(text.into()));
        }
    }
    document
}

#[derive(OpenApi)]
#[openapi(
    paths(
        tokens::obtain,
        tokens::refresh,
        tokens::verify,
        tokens::logout,
        oauth::token,
        oauth::introspect,
        oauth::revoke,
        discovery::key_set,
        discovery::metadata,
        accounts::list,
        accounts::create,
        accounts::show,
        accounts::change,
        accounts::delete,
        accounts::rotate,
    ),
    components(schemas(ErrorBody))
)]
struct Document;

/// The form of a client that asks for a token.
#[derive(ToSchema)]
#[schema(example = json!({"grant_type": "client_credentials", "scope": "affiliation"}))]
#[expect(dead_code, reason = "`client` reads them one by one")]
pub(crate) struct TokenForm {
    #[schema(schema_with = grant_type)]
    grant_type: String,
    /// What the token is to be for: names of scopes separated by single blanks. Without it: all that the client may
    #[schema(nullable = false, example = "affiliation documents")]
    scope: Option<String>,
    /// The account's name, where it does not come by HTTP Basic
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Its secret
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// The form of a question about a token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`client` reads them one by one")]
pub(crate) struct AnyTokenForm {
    /// An access token or a refresh token
    #[schema(min_length = 1)]
    token: String,
    /// The account's name, where it does not come by HTTP Basic, or an access token in its place
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Its secret
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "what is published is made of the variable")]
pub(crate) struct KeySet {
    /// The public members of each key
    keys: Vec<Map<String, Value>>,
}

fn grant_type() -> RefOr<Schema> {
    one_of(&["client_credentials"], "No other grant is served")
}

/// What a token of `/oauth/token` is used as.
pub(crate) fn token_type() -> RefOr<Schema> {
    one_of(&["Bearer"], "RFC 6750")
}

/// The codes of errors of the protocol.
pub(crate) fn error_code() -> RefOr<Schema> {
    let codes = ["invalid_request", "invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type"];
    one_of(&codes, "Which (RFC 6749 section 5.2)")
}

/// An account's name.
pub(crate) fn name() -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"));
    name.description(Some("1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`, the first one a letter or a digit")).into()
}

/// What an account may do.
pub(crate) fn scopes() -> RefOr<Schema> {
    list_of_scopes().into()
}

/// What an account may do from now on; null, as without it: what it may.
pub(crate) fn scopes_or_none() -> RefOr<Schema> {
    list_of_scopes().schema_type(SchemaType::from_iter([Type::Array, Type::Null])).into()
}

fn list_of_scopes() -> ArrayBuilder {
    let scope = one_of(&Scope::ALL.map(Scope::as_str), "What it may do");
    ArrayBuilder::new().items(scope).min_items(Some(1)).unique_items(true)
}

/// Name and secret of nobody.
pub(crate) fn credentials() -> Value {
    json!({"username": "operator", "password": "the secret that was shown once"})
}

const BAD_REQUEST: &str = "The request lacks or repeats something, or asks for too much";
const BAD_CLIENT: &str = "`invalid_client`: no active client has this id and secret";

/// The errors of `/oauth/…`: those of the protocol, and the problems of the service.
pub(crate) struct OAuthRefusals<P>(PhantomData<P>);

impl<P: Problems> IntoResponses for OAuthRefusals<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = Refusals::<P>::responses();
        for (status, description) in [("400", BAD_REQUEST), ("401", BAD_CLIENT)] {
            let content = Content::new(Some(Ref::from_schema_name(ErrorBody::name())));
            let mut answer = match responses.remove(status) {
                Some(RefOr::T(problem)) => problem,
                Some(RefOr::Ref(_)) | None => Response::default(),
            };
            let parts = [description, &answer.description];
            answer.description = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ");
            answer.content.insert("application/json".into(), content);
            responses.insert(status.into(), RefOr::T(answer));
        }
        responses
    }
}
