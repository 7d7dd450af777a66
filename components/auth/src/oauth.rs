//! `/oauth/…`: client credentials (RFC 6749 section 4.4), introspection (RFC 7662), revocation (RFC 7009).

use crate::client::{Client, Form, OAuthError};
#[cfg(not(target_family = "wasm"))]
use crate::openapi::{self, OAuthRefusals};
use crate::services::{Records, Services, too_soon};
use crate::wire::{GrantedToken, Introspection};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{Event, FailedLogins, LoginError, Scopes};
use connectivity_kit::guard::Route;
use connectivity_kit::problem::Problem;
use connectivity_kit::token::{TokenKind, Verified};
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;

/// Whoever may call at all may ask about tokens: it is how a service that is called judges the token it got.
const ROUTE: Route = Route::of_any_scope("oauth");

/// Whoever calls about a token.
struct Asker {
    subject: String,
    is_admin: bool,
}

/// A token for a client: client credentials (RFC 6749 section 4.4).
///
/// The client says who it is by HTTP Basic or in the form, not both.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/oauth/token",
    operation_id = "grantToken",
    tag = "OAuth",
    security((), ("client" = [])),
    request_body(content = openapi::TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token", body = GrantedToken),
        OAuthRefusals<openapi::Grant>,
    ),
))]
pub(crate) async fn token<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = async { Ok(services.grant(&headers, &body).await.unwrap_or_else(IntoResponse::into_response)) };
    services.open("oauth-token", &headers, answer).await
}

/// What is this token (RFC 7662)?
///
/// Whoever may call at all may ask: by an access token of any scope, by HTTP Basic, or by its secret in the form.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/oauth/introspect",
    operation_id = "introspectToken",
    tag = "OAuth",
    security(("client" = []), ("bearer" = []), ("oauth2" = [])),
    request_body(content = openapi::AnyTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "About a token that is not active nothing else is said", body = Introspection),
        OAuthRefusals<openapi::AskAboutToken>,
    ),
))]
pub(crate) async fn introspect<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.introspect(&headers, &body).await.unwrap_or_else(IntoResponse::into_response)
}

/// Ends a token, and every token of its login (RFC 7009).
///
/// A client may revoke its own, and one with the scope `admin` all.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/oauth/revoke",
    operation_id = "revokeToken",
    tag = "OAuth",
    security(("client" = []), ("bearer" = []), ("oauth2" = [])),
    request_body(content = openapi::AnyTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It cannot be used any more, if it ever could"),
        OAuthRefusals<openapi::AskAboutToken>,
    ),
))]
pub(crate) async fn revoke<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.revoke(&headers, &body).await.unwrap_or_else(IntoResponse::into_response)
}

impl<S: Records, F: FailedLogins + 'static> Services<S, F> {
    async fn grant(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, OAuthError> {
        let form = Form::read(headers, body)?;
        match form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => {
                return Err(OAuthError::because("unsupported_grant_type", "grant_type must be client_credentials"));
            }
            None => return Err(OAuthError::request("grant_type is missing")),
        }
        let client = Client::read(headers, &form)?.ok_or_else(OAuthError::client)?;
        let scopes = form.get("scope").map(Scopes::parse).transpose();
        let scopes = scopes.map_err(|_| invalid_scope())?;
        let granted = self.log_in(&client.id, &client.secret, scopes, false).await.map_err(refused)?;
        let seconds = self.keeper.signer.lifetimes.access.as_secs();
        let scope = granted.scopes.to_string();
        let body = GrantedToken { access_token: granted.access, expires_in: seconds, scope, token_type: "Bearer" };
        Ok(Json(body).into_response())
    }

    async fn introspect(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, OAuthError> {
        let form = Form::read(headers, body)?;
        self.asker(headers, &form).await?;
        let token = form.get("token").ok_or(OAuthError::request("token is missing"))?;
        let verified = self.guard.verifier().verify_any(token, (self.now)()).await.ok();
        let alive = match &verified {
            Some(token) => self.is_alive(token).await?,
            None => false,
        };
        // About a token that is not active nothing else is said (section 2.2).
        let answer = verified.as_ref().filter(|_| alive).map_or(Introspection::Inactive { active: false }, active);
        Ok(Json(answer).into_response())
    }

    async fn revoke(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, OAuthError> {
        let form = Form::read(headers, body)?;
        let asker = self.asker(headers, &form).await?;
        let token = form.get("token").ok_or(OAuthError::request("token is missing"))?;
        let now = (self.now)();
        // A token that does not hold cannot be used, which is what was asked for (section 2.2).
        if let Ok(token) = self.guard.verifier().verify_any(token, now).await {
            if token.caller.subject != asker.subject && !asker.is_admin {
                return Err(OAuthError::because("unauthorized_client", "the token was issued to another client"));
            }
            self.end(&token, Event::Revocation, now).await?;
        }
        Ok(StatusCode::OK.into_response())
    }

    /// Who asks: a client by its secret, or anybody by an access token.
    async fn asker(&self, headers: &HeaderMap, form: &Form) -> Result<Asker, OAuthError> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if bearer.is_some_and(|value| value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))) {
            let caller = self.guard.admit(ROUTE, headers, (self.now)()).await?.caller;
            return Ok(Asker { is_admin: caller.has_scope("admin"), subject: caller.subject });
        }
        self.guard.anonymous("oauth-client", headers, (self.now)()).await?;
        let client = Client::read(headers, form)?.ok_or_else(OAuthError::client)?;
        let granted = self.log_in(&client.id, &client.secret, None, false).await.map_err(refused)?;
        Ok(Asker { subject: client.id, is_admin: granted.scopes.names().contains(&"admin") })
    }
}

fn refused(error: LoginError) -> OAuthError {
    match error {
        LoginError::Refused => OAuthError::client(),
        LoginError::Scope => invalid_scope(),
        LoginError::TooSoon(wait) => OAuthError::Problem(too_soon(wait)),
        LoginError::NotRecorded => OAuthError::Problem(Problem::storage_unavailable()),
    }
}

fn invalid_scope() -> OAuthError {
    OAuthError::because("invalid_scope", "the client may not have these scopes")
}

fn active(token: &Verified) -> Introspection<'_> {
    let caller = &token.caller;
    Introspection::Active {
        active: true,
        client_id: &caller.subject,
        exp: caller.expires_at.as_micros().div_euclid(1_000_000),
        iat: token.issued_at,
        iss: &token.issuer,
        jti: &token.token_id,
        scope: caller.scope(),
        sub: &caller.subject,
        token_type: match token.kind {
            TokenKind::Access => "Bearer",
            TokenKind::Refresh => "refresh",
        },
    }
}
