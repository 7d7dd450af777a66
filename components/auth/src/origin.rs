//! Where a request comes from.

use crate::services::{Limits, Records, Services};
use axum::extract::FromRequestParts;
use connectivity_domain::access::LoginOrigin;
use connectivity_edge::rate_limit::rate_limit_key;
use connectivity_runtime::request_context::RequestContext;
use http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;

/// The origin of a request, for the audit and for the limits on failed logins.
pub(crate) struct Origin(pub(crate) LoginOrigin);

impl<S: Records, F: Limits> FromRequestParts<Arc<Services<S, F>>> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services<S, F>>) -> Result<Self, Infallible> {
        let context = parts.extensions.get::<RequestContext>();
        let client = services.guard.client(&parts.headers);
        Ok(Self(LoginOrigin {
            address: client.map(|address| address.to_string()),
            network: client.map(rate_limit_key),
            request_id: context.map(|context| context.request_id.clone()).unwrap_or_default(),
            actor: None,
        }))
    }
}
