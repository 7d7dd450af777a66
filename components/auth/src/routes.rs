//! The routes of this component. Their paths are without trailing slashes: the server strips those
//! from requests.

use crate::services::{Limits, Records, Services};
use crate::{accounts, discovery, oauth, tokens};
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

pub(crate) fn router<S: Records, F: Limits>(services: Services<S, F>) -> Router {
    Router::new()
        .route("/api/v1/token", post(tokens::obtain::<S, F>))
        .route("/api/v1/token/refresh", post(tokens::refresh::<S, F>))
        .route("/api/v1/token/verify", post(tokens::verify::<S, F>))
        .route("/api/v1/auth/logout", post(tokens::logout::<S, F>))
        .route("/oauth/token", post(oauth::token::<S, F>))
        .route("/oauth/introspect", post(oauth::introspect::<S, F>))
        .route("/oauth/revoke", post(oauth::revoke::<S, F>))
        .route("/.well-known/jwks.json", get(discovery::key_set::<S, F>))
        .route("/.well-known/oauth-authorization-server", get(discovery::metadata::<S, F>))
        .route("/api/v1/service-accounts", get(accounts::list::<S, F>).post(accounts::create::<S, F>))
        .route(
            "/api/v1/service-accounts/{name}",
            get(accounts::show::<S, F>).patch(accounts::change::<S, F>).delete(accounts::delete::<S, F>),
        )
        .route("/api/v1/service-accounts/{name}/rotate", post(accounts::rotate::<S, F>))
        .with_state(Arc::new(services))
}
