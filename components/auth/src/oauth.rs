//! `/oauth/…`: client credentials (RFC 6749 section 4.4), introspection (RFC 7662), revocation (RFC
//! 7009).

use crate::client::{Client, Form};
use crate::oauth_error::OAuthError;
#[cfg(feature = "openapi")]
use crate::oauth_responses::OAuthProblemResponses;
use crate::origin::Origin;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::services::{Limits, Records, Services, busy, too_soon};
use crate::wire::{GrantedToken, Introspection};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{Credentials, Event, LoginError, LoginOrigin, Scopes};
use connectivity_edge::guard::Route;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::ReceivedBody;
use connectivity_edge::token::{Caller, TokenKind, Verified};
use http::{HeaderMap, StatusCode, header};
use std::future::Future;
use std::sync::Arc;

/// Any access token may introspect and revoke, but not every token: see `may_manage`.
const ROUTE: Route = Route::for_any_scope("oauth");

/// A client that introspects or revokes a token.
struct Requester {
    subject: String,
    is_admin: bool,
    origin: LoginOrigin,
}

impl Requester {
    /// Returns whether the client may introspect and revoke this token.
    fn may_manage(&self, token: &Verified) -> bool {
        self.is_admin || token.caller.subject == self.subject
    }
}

/// Issues an access token for client credentials (RFC 6749 section 4.4).
///
/// The client authenticates by HTTP Basic or with the parameters of the form, not with both.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/oauth/token",
    operation_id = "grantToken",
    tag = "OAuth",
    security((), ("client" = [])),
    request_body(content = schema::TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token", body = GrantedToken),
        OAuthProblemResponses<schema::GrantProblems>,
    ),
))]
pub(crate) async fn token<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = services.grant(&origin, &headers, &body);
    services.guard.rate_limited("oauth-token", &headers, (services.now)(), respond).await
}

/// Introspects a token (RFC 7662).
///
/// A client may introspect its own tokens; a client with the scope `admin` may introspect all
/// tokens. To others a token is reported as not active.
///
/// The client authenticates by an access token of any scope, by HTTP Basic, or with the parameters
/// of the form.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/oauth/introspect",
    operation_id = "introspectToken",
    tag = "OAuth",
    security(("client" = []), ("bearer" = []), ("oauth2" = [])),
    request_body(content = schema::AnyTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token's state. Of a token that is not active only that is returned", body = Introspection),
        OAuthProblemResponses<schema::AskAboutTokenProblems>,
    ),
))]
pub(crate) async fn introspect<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = async |form: Form, requester: Requester| services.introspect(&form, &requester).await;
    services.authenticated(origin, &headers, &body, respond).await
}

/// Revokes a token, and with it all tokens of its login (RFC 7009).
///
/// A client may revoke its own tokens; a client with the scope `admin` may revoke all tokens.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/oauth/revoke",
    operation_id = "revokeToken",
    tag = "OAuth",
    security(("client" = []), ("bearer" = []), ("oauth2" = [])),
    request_body(content = schema::AnyTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is revoked, or was not valid before"),
        OAuthProblemResponses<schema::AskAboutTokenProblems>,
    ),
))]
pub(crate) async fn revoke<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = async |form: Form, requester: Requester| services.revoke(&form, &requester).await;
    services.authenticated(origin, &headers, &body, respond).await
}

impl<S: Records, F: Limits> Services<S, F> {
    async fn grant(&self, origin: &LoginOrigin, headers: &HeaderMap, body: &[u8]) -> Result<Response, OAuthError> {
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
        let scopes = scopes.map_err(|_| {
            OAuthError::because("invalid_scope", "scope must be known names, separated by single blanks")
        })?;
        let credentials = Credentials { name: &client.id, spellings: &client.spellings() };
        let granted = self.log_in(origin, credentials, scopes, false).await.map_err(refused)?;
        let seconds = self.state.signer.lifetimes.access.as_secs();
        let scope = granted.scopes.to_string();
        let body = GrantedToken { access_token: granted.access, expires_in: seconds, scope, token_type: "Bearer" };
        Ok(Json(body).into_response())
    }

    async fn introspect(&self, form: &Form, requester: &Requester) -> Result<Response, OAuthError> {
        let token = form.get("token").ok_or(OAuthError::request("token is missing"))?;
        let verified = self.guard.verifier().verify_any(token, (self.now)()).await.ok();
        // RFC 7662 section 2.2: a token that the client may not know about is not active to it.
        let verified = verified.filter(|token| requester.may_manage(token));
        let is_active = match &verified {
            Some(token) => self.is_active(token).await?,
            None => false,
        };
        // Nothing else is returned of a token that is not active (RFC 7662 section 2.2).
        let answer = verified.as_ref().filter(|_| is_active).map_or(Introspection::Inactive { active: false }, active);
        Ok(Json(answer).into_response())
    }

    async fn revoke(&self, form: &Form, requester: &Requester) -> Result<Response, OAuthError> {
        let token = form.get("token").ok_or(OAuthError::request("token is missing"))?;
        let now = (self.now)();
        // The request succeeds for a token that is not valid: it cannot be used, which is its
        // purpose (RFC 7009 section 2.2).
        if let Ok(token) = self.guard.verifier().verify_any(token, now).await {
            if !requester.may_manage(&token) {
                return Err(OAuthError::because("unauthorized_client", "the token was issued to another client"));
            }
            self.end(&token, Event::Revocation, &requester.origin, now).await?;
        }
        Ok(StatusCode::OK.into_response())
    }

    /// Runs `respond` for a client that authenticates by an access token or by its secret.
    async fn authenticated<T: Future<Output = Result<Response, OAuthError>>>(
        &self,
        origin: LoginOrigin,
        headers: &HeaderMap,
        body: &[u8],
        respond: impl FnOnce(Form, Requester) -> T,
    ) -> Response {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let scheme = authorization.and_then(|value| value.get(..7));
        // The form is read after the call was counted.
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer ")) {
            let respond = async |caller: Caller| {
                let is_admin = caller.has_scope("admin");
                respond(Form::read(headers, body)?, Requester { subject: caller.subject, is_admin, origin }).await
            };
            return self.guard.guarded(ROUTE, headers, (self.now)(), respond).await;
        }
        let respond = async {
            let form = Form::read(headers, body)?;
            let client = Client::read(headers, &form)?.ok_or_else(OAuthError::client)?;
            let credentials = Credentials { name: &client.id, spellings: &client.spellings() };
            let account = self.authenticate(&origin, credentials).await.map_err(refused)?;
            let is_admin = account.scopes.names().contains(&"admin");
            respond(form, Requester { subject: client.id, is_admin, origin }).await
        };
        self.guard.rate_limited("oauth-client", headers, (self.now)(), respond).await
    }
}

fn refused(error: LoginError) -> OAuthError {
    match error {
        LoginError::Refused => OAuthError::client(),
        LoginError::Scope => invalid_scope(),
        LoginError::TooSoon(wait) => OAuthError::Problem(too_soon(wait)),
        LoginError::Busy(wait) => OAuthError::Problem(busy(wait)),
        LoginError::NotRecorded => OAuthError::Problem(Problem::storage_unavailable()),
    }
}

fn invalid_scope() -> OAuthError {
    OAuthError::because("invalid_scope", "the client does not have all of these scopes")
}

fn active(token: &Verified) -> Introspection<'_> {
    let caller = &token.caller;
    Introspection::Active {
        active: true,
        client_id: &token.subject,
        exp: caller.expires_at.as_micros().div_euclid(1_000_000),
        iat: token.issued_at,
        iss: &token.issuer,
        jti: &token.token_id,
        scope: caller.scope(),
        sub: &token.subject,
        token_type: match token.kind {
            TokenKind::Access => "Bearer",
            TokenKind::Refresh => "refresh",
        },
    }
}
