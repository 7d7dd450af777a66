//! The OpenAPI document of this component's routes.

use crate::oauth_error::ErrorBody;
use crate::{accounts, discovery, oauth, tokens};
use utoipa::OpenApi;

/// Returns the document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
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
