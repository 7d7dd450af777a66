//! Discovery for clients: the public keys (RFC 7517) and the server metadata (RFC 8414).

#[cfg(feature = "openapi")]
use crate::schema;
use crate::services::{Limits, Records, Services};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::Scope;
use connectivity_domain::problem::ProblemKind;
#[cfg(feature = "openapi")]
use connectivity_edge::openapi::ProblemResponses;
use connectivity_edge::problem::Problem;
use http::uri::Authority;
use http::{HeaderValue, Uri, header};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;

/// The metadata of an authorization server (RFC 8414 section 2).
// The order of the fields is part of the API: clients have only ever seen this one.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Metadata {
    grant_types_supported: [&'static str; 1],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    issuer: String,
    jwks_uri: String,
    response_types_supported: [&'static str; 0],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    scopes_supported: [&'static str; Scope::ALL.len()],
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 2],
}

/// Returns the public keys that verify the tokens (RFC 7517).
///
/// The set is empty if tokens are signed with a secret.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "publicKeys",
    tag = "discovery",
    responses(
        (status = 200, description = "The public keys", body = schema::KeySet, content_type = "application/jwk-set+json"),
        ProblemResponses<schema::DiscoverProblems>,
    ),
))]
pub(crate) async fn key_set<S: Records, F: Limits>(State(services): State<Arc<Services<S, F>>>) -> Response {
    let mut response = services.state.key_set.clone().into_response();
    let media_type = HeaderValue::from_static("application/jwk-set+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// Returns the metadata of the authorization server (RFC 8414).
///
/// The addresses in it begin with the setting `public_url`. Without it they begin with the address
/// of the request, if that is the caller's own machine; the answer to others is 404.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "metadata",
    tag = "discovery",
    responses(
        (status = 200, description = "The metadata", body = Metadata),
        ProblemResponses<schema::MetadataProblems>,
    ),
))]
pub(crate) async fn metadata<S: Records, F: Limits>(State(services): State<Arc<Services<S, F>>>, uri: Uri) -> Response {
    let url = match (services.state.public_url.as_str(), uri.authority()) {
        ("", Some(authority)) if is_loopback(authority) => format!("http://{authority}"),
        ("", _) => {
            let detail = "the address of this service is not known: its operator has to set public_url";
            return Problem::new(ProblemKind::NotFound, detail).into_response();
        }
        (url, _) => url.to_owned(),
    };
    let methods = ["client_secret_basic", "client_secret_post"];
    Json(Metadata {
        grant_types_supported: ["client_credentials"],
        introspection_endpoint: format!("{url}/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: methods,
        jwks_uri: format!("{url}/.well-known/jwks.json"),
        response_types_supported: [],
        revocation_endpoint: format!("{url}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: methods,
        scopes_supported: Scope::ALL.map(Scope::as_str),
        token_endpoint: format!("{url}/oauth/token"),
        token_endpoint_auth_methods_supported: methods,
        issuer: url,
    })
    .into_response()
}

/// Returns whether this is the caller's own machine. Any other host in a request was chosen by its
/// sender, and would make clients send their secrets to it.
fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_own = host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_own && !authority.as_str().contains('@')
}
