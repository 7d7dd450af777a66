//! What a client needs to know to find the rest: the public keys (RFC 7517) and the metadata (RFC 8414).

use crate::services::{Records, Services};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{FailedLogins, Scope};
use http::uri::Authority;
use http::{HeaderValue, Uri, header};
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn key_set<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
) -> Response {
    let mut response = services.keeper.key_set.clone().into_response();
    let media_type = HeaderValue::from_static("application/jwk-set+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

pub(crate) async fn metadata<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    uri: Uri,
) -> Response {
    let url = match services.keeper.public_url.as_str() {
        "" => format!("http://{}", uri.authority().map_or("localhost", Authority::as_str)),
        url => url.to_owned(),
    };
    let methods = ["client_secret_basic", "client_secret_post"];
    Json(json!({
        "issuer": url,
        "token_endpoint": format!("{url}/oauth/token"),
        "introspection_endpoint": format!("{url}/oauth/introspect"),
        "revocation_endpoint": format!("{url}/oauth/revoke"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
    }))
    .into_response()
}
