//! `/api/v1/token/…` and `/api/v1/auth/logout/`: the routes, names and lifetimes that existing
//! clients use.

use crate::keys::Lifetimes;
use crate::origin::Origin;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::services::{Descent, Limits, Records, Services, refused};
use crate::wire::{AnyToken, Credentials, Nothing, RefreshToken, TokenPair};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{
    self, Event, LoginOrigin, RefreshError, Refreshed, Rotation, Session, end, refresh as exchange,
};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_edge::json_body::read_json;
#[cfg(feature = "openapi")]
use connectivity_edge::openapi::ProblemResponses;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::ReceivedBody;
use connectivity_edge::token::{TokenError, TokenKind, Verified};
use http::HeaderMap;
use std::sync::Arc;

/// Issues tokens for the name and the secret of a service account.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/token/",
    operation_id = "obtainTokens",
    tag = "tokens",
    request_body(content = Credentials, example = json!(schema::credentials())),
    responses(
        (status = 200, description = "A pair of tokens", body = TokenPair),
        ProblemResponses<schema::ObtainProblems>,
    ),
))]
pub(crate) async fn obtain<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = services.obtain(&origin, &headers, &body);
    services.guard.rate_limited("token", &headers, (services.now)(), respond).await
}

/// Issues a new pair of tokens for a refresh token.
///
/// A refresh token can be used once. If it is used again, its session ends, and with it all tokens
/// of its login.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/token/refresh/",
    operation_id = "refreshTokens",
    tag = "tokens",
    request_body(content = RefreshToken),
    responses(
        (status = 200, description = "A pair of tokens", body = TokenPair),
        ProblemResponses<schema::UseTokenProblems>,
    ),
))]
pub(crate) async fn refresh<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = services.refresh(&origin, &headers, &body);
    services.guard.rate_limited("token-refresh", &headers, (services.now)(), respond).await
}

/// Verifies a token.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/token/verify/",
    operation_id = "verifyToken",
    tag = "tokens",
    request_body(content = AnyToken),
    responses(
        (status = 200, description = "The token is valid", body = Nothing),
        ProblemResponses<schema::UseTokenProblems>,
    ),
))]
pub(crate) async fn verify<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = services.verify(&headers, &body);
    services.guard.rate_limited("token-verify", &headers, (services.now)(), respond).await
}

/// Ends a session, and with it all tokens of its login.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/auth/logout/",
    operation_id = "logOut",
    tag = "tokens",
    request_body(content = RefreshToken),
    responses(
        (status = 200, description = "The session has ended", body = Nothing),
        ProblemResponses<schema::UseTokenProblems>,
    ),
))]
pub(crate) async fn logout<S: Records, F: Limits>(
    State(services): State<Arc<Services<S, F>>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    ReceivedBody(body): ReceivedBody,
) -> Response {
    let respond = services.logout(&origin, &headers, &body);
    services.guard.rate_limited("logout", &headers, (services.now)(), respond).await
}

impl<S: Records, F: Limits> Services<S, F> {
    async fn obtain(&self, origin: &LoginOrigin, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let Credentials { username, password } = read_json(headers, body)?;
        let credentials = access::Credentials { name: &username, spellings: &[&password] };
        let granted = self.log_in(origin, credentials, None, true).await.map_err(refused)?;
        Ok(Json(TokenPair { access: granted.access, refresh: granted.refresh }).into_response())
    }

    async fn refresh(&self, origin: &LoginOrigin, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let RefreshToken { refresh } = read_json(headers, body)?;
        let now = (self.now)();
        let used = self.refresh_token_of(&refresh, now).await?;
        let (subject, session) = (&used.caller.subject, &used.caller.session);
        let new = (self.new_id)();
        let Lifetimes { refresh: lifetime, session: session_lifetime, .. } = self.state.signer.lifetimes;
        let rotation = Rotation { session, subject, old: &used.token_id, new: &new, lifetime, session_lifetime };
        match exchange(&self.store, &rotation, origin, now).await {
            Ok(Refreshed { scopes, rate_limit, ends_at, expires_at }) => {
                let descent = Descent { session, subject, scopes: &scopes, rate_limit: rate_limit.as_deref() };
                let access = self.access_token(&descent, ends_at, now);
                let refresh = self.refresh_token(&descent, &new, expires_at, now);
                Ok(Json(TokenPair { access, refresh }).into_response())
            }
            Err(RefreshError::Reused(ended)) => {
                self.publish_revocations(&[ended], now).await;
                Err(not_valid())
            }
            Err(RefreshError::Ended) => Err(not_valid()),
            Err(RefreshError::NotRecorded) => Err(Problem::storage_unavailable()),
        }
    }

    async fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let AnyToken { token } = read_json(headers, body)?;
        let verified = self.guard.verifier().verify_any(&token, (self.now)()).await;
        let verified = verified.map_err(|error| match error {
            TokenError::NoKeys => {
                let detail = "the token's issuer cannot be reached to verify it: try again later";
                Problem::new(ProblemKind::NotReady, detail)
            }
            _ => not_valid(),
        })?;
        if self.is_active(&verified).await? { Ok(Json(Nothing {}).into_response()) } else { Err(not_valid()) }
    }

    async fn logout(&self, origin: &LoginOrigin, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let RefreshToken { refresh } = read_json(headers, body)?;
        let now = (self.now)();
        let token = self.refresh_token_of(&refresh, now).await?;
        self.end(&token, Event::Logout, origin, now).await?;
        Ok(Json(Nothing {}).into_response())
    }

    /// Verifies a refresh token that this service has issued.
    async fn refresh_token_of(&self, token: &str, now: Timestamp) -> Result<Verified, Problem> {
        let verified = self.guard.verifier().verify_any(token, now).await;
        verified.ok().filter(|token| token.kind == TokenKind::Refresh && token.is_ours).ok_or_else(not_valid)
    }

    /// Returns whether the session of a verified token goes on, and, for a refresh token, whether
    /// it has not been used.
    pub(crate) async fn is_active(&self, token: &Verified) -> Result<bool, Problem> {
        let found = self.store.find_session(&token.caller.session).await?;
        Ok(match (&found, token.kind) {
            (Some(session), _) if session.revoked_at.is_some() => false,
            (Some(session), TokenKind::Refresh) => session.refresh_id.as_ref() == Some(&token.token_id),
            (None, TokenKind::Refresh) => false,
            (_, TokenKind::Access) => true,
        })
    }

    /// Ends the session of a token.
    pub(crate) async fn end(
        &self,
        token: &Verified,
        event: Event,
        origin: &LoginOrigin,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let caller = &token.caller;
        let found = self.store.find_session(&caller.session).await?;
        // A token that another issuer has issued has no session in the store yet.
        let session = found.unwrap_or_else(|| Session {
            id: caller.session.clone(),
            subject: caller.subject.clone(),
            refresh_id: None,
            created_at: now,
            secret_at: None,
            expires_at: caller.expires_at,
            revoked_at: None,
        });
        end(&self.store, &session, event, origin, now).await?;
        self.publish_revocations(&[session], now).await;
        Ok(())
    }
}

fn not_valid() -> Problem {
    Problem::new(ProblemKind::InvalidToken, "the token is invalid, expired or revoked: log in again")
}
