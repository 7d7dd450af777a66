//! The OpenAPI document of this component's routes.

use crate::oauth_error::ErrorBody;
use crate::{accounts, discovery, oauth, tokens};
use utoipa::OpenApi;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// Returns the document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let schemas = document.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (_, schema) in schemas.filter(|(name, _)| name.ends_with("Form")) {
        // Unknown parameters are ignored, but may not be repeated (RFC 6749 section 3.2).
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
