//! `/api/v1/token/…` and `/api/v1/auth/logout/`: the calls, names and lifetimes that existing clients use.

#[cfg(not(target_family = "wasm"))]
use crate::openapi;
use crate::services::{Records, Services, refused};
use crate::wire::{self, AnyToken, Credentials, Nothing, RefreshToken, TokenPair};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{Event, FailedLogins, RefreshError, Rotation, Session, end, refresh as exchange};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use connectivity_domain::time::Timestamp;
#[cfg(not(target_family = "wasm"))]
use connectivity_kit::openapi::Refusals;
use connectivity_kit::problem::Problem;
use connectivity_kit::token::{TokenError, TokenKind, Verified};
use http::HeaderMap;
use std::sync::Arc;

/// Tokens for the name and the secret of a service account.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/token/",
    operation_id = "obtainTokens",
    tag = "tokens",
    request_body(content = wire::Credentials, example = json!(openapi::credentials())),
    responses(
        (status = 200, description = "A pair of tokens", body = wire::TokenPair),
        Refusals<openapi::Obtain>,
    ),
))]
pub(crate) async fn obtain<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.open("token", &headers, services.obtain(&headers, &body)).await
}

/// The next pair of tokens, for a refresh token.
///
/// A refresh token is good once. Used again, it ends every token of its login.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/token/refresh/",
    operation_id = "refreshTokens",
    tag = "tokens",
    request_body(content = wire::RefreshToken),
    responses(
        (status = 200, description = "A pair of tokens", body = wire::TokenPair),
        Refusals<openapi::UseToken>,
    ),
))]
pub(crate) async fn refresh<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.open("token-refresh", &headers, services.refresh(&headers, &body)).await
}

/// Is this token good?
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/token/verify/",
    operation_id = "verifyToken",
    tag = "tokens",
    request_body(content = wire::AnyToken),
    responses(
        (status = 200, description = "It is", body = wire::Nothing),
        Refusals<openapi::UseToken>,
    ),
))]
pub(crate) async fn verify<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.open("token-verify", &headers, services.verify(&headers, &body)).await
}

/// Ends a login, and every token of it.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/auth/logout/",
    operation_id = "logOut",
    tag = "tokens",
    request_body(content = wire::RefreshToken),
    responses(
        (status = 200, description = "It has ended", body = wire::Nothing),
        Refusals<openapi::UseToken>,
    ),
))]
pub(crate) async fn logout<S: Records, F: FailedLogins + 'static>(
    State(services): State<Arc<Services<S, F>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    services.open("logout", &headers, services.logout(&headers, &body)).await
}

impl<S: Records, F: FailedLogins + 'static> Services<S, F> {
    /// Answers a call that needs no token, unless its address calls too often.
    pub(crate) async fn open(
        &self,
        route: &'static str,
        headers: &HeaderMap,
        answer: impl Future<Output = Result<Response, Problem>>,
    ) -> Response {
        match self.guard.anonymous(route, headers, (self.now)()).await {
            Err(refused) => refused.into_response(),
            Ok(allowance) => allowance.answer(answer.await),
        }
    }

    async fn obtain(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let shape = "{\"username\": \"…\", \"password\": \"…\"}";
        let Credentials { username, password } = wire::read(headers, body, shape)?;
        let granted = self.log_in(&username, &password, None, true).await.map_err(refused)?;
        Ok(Json(TokenPair { access: granted.access, refresh: granted.refresh }).into_response())
    }

    async fn refresh(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let RefreshToken { refresh } = wire::read(headers, body, "{\"refresh\": \"…\"}")?;
        let now = (self.now)();
        let used = self.refresh_token_of(&refresh, now).await?;
        let (subject, session) = (&used.caller.subject, &used.caller.session);
        let new = (self.new_id)();
        let expires_at = now.plus(self.keeper.signer.lifetimes.refresh);
        let rotation = Rotation { session, subject, old: &used.token_id, new: &new, expires_at };
        match exchange(&self.store, &rotation, &self.origin, now).await {
            Ok(scopes) => {
                let access = self.access_token(session, subject, &scopes, now);
                let refresh = self.refresh_token(session, subject, &new, &scopes, now);
                Ok(Json(TokenPair { access, refresh }).into_response())
            }
            Err(RefreshError::Reused(ended)) => {
                self.forget(&[ended], now).await;
                Err(not_valid())
            }
            Err(RefreshError::Ended) => Err(not_valid()),
            Err(RefreshError::NotRecorded) => Err(Problem::storage_unavailable()),
        }
    }

    async fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let AnyToken { token } = wire::read(headers, body, "{\"token\": \"…\"}")?;
        let verified = self.guard.verifier().verify_any(&token, (self.now)()).await;
        let verified = verified.map_err(|error| match error {
            TokenError::NoKeys => {
                let detail = "the token's issuer cannot be reached to verify it: try again later";
                Problem::new(ProblemKind::NotReady, detail)
            }
            _ => not_valid(),
        })?;
        if self.is_alive(&verified).await? { Ok(Json(Nothing {}).into_response()) } else { Err(not_valid()) }
    }

    async fn logout(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let RefreshToken { refresh } = wire::read(headers, body, "{\"refresh\": \"…\"}")?;
        let now = (self.now)();
        let token = self.refresh_token_of(&refresh, now).await?;
        self.end(&token, Event::Logout, now).await?;
        Ok(Json(Nothing {}).into_response())
    }

    /// A refresh token of ours that holds by its signature and its time.
    async fn refresh_token_of(&self, token: &str, now: Timestamp) -> Result<Verified, Problem> {
        let verified = self.guard.verifier().verify_any(token, now).await;
        verified.ok().filter(|token| token.kind == TokenKind::Refresh && token.is_ours).ok_or_else(not_valid)
    }

    /// Has this token's session not ended, and has it, if it is a refresh token, not been used?
    pub(crate) async fn is_alive(&self, token: &Verified) -> Result<bool, Problem> {
        let found = self.store.find_session(&token.caller.session).await;
        let found = found.map_err(|StoreError| Problem::storage_unavailable())?;
        Ok(match (&found, token.kind) {
            (Some(session), _) if session.revoked_at.is_some() => false,
            (Some(session), TokenKind::Refresh) => session.refresh_id.as_ref() == Some(&token.token_id),
            (None, TokenKind::Refresh) => false,
            (_, TokenKind::Access) => true,
        })
    }

    /// Ends the session that a token belongs to.
    pub(crate) async fn end(&self, token: &Verified, event: Event, now: Timestamp) -> Result<(), Problem> {
        let down = |StoreError| Problem::storage_unavailable();
        let caller = &token.caller;
        let found = self.store.find_session(&caller.session).await.map_err(down)?;
        // A token that was not issued here has no session so far.
        let session = found.unwrap_or_else(|| Session {
            id: caller.session.clone(),
            subject: caller.subject.clone(),
            refresh_id: None,
            created_at: now,
            expires_at: caller.expires_at,
            revoked_at: None,
        });
        end(&self.store, &session, event, &self.origin, now).await.map_err(down)?;
        self.forget(&[session], now).await;
        Ok(())
    }
}

fn not_valid() -> Problem {
    Problem::new(ProblemKind::InvalidToken, "the token is not valid or no longer valid: log in again")
}
