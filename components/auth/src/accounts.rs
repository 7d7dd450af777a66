//! `/api/v1/service-accounts/…`: manages service accounts. Scope `admin`.

use crate::origin::Origin;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::secrets::new_secret;
use crate::services::{Limits, Records, Services};
use crate::wire::{self, ChangedAccount, NewAccount};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{
    Account, AccountChange, AccountName, Event, LoginOrigin, NewSecret, RateLimitChange, StoredAccount,
};
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::guard::Route;
use connectivity_edge::json_body::read_json;
#[cfg(feature = "openapi")]
use connectivity_edge::openapi::ProblemResponses;
use connectivity_edge::path::in_path;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::RequestBody;
use connectivity_edge::token::Caller;
use http::{HeaderMap, StatusCode};
use std::future::Future;
use std::sync::Arc;

const ROUTE: Route = Route::new("service-accounts", "admin");

type Shared<S, F> = State<Arc<Services<S, F>>>;

/// The account's name in the path, or why it cannot be read.
type Name = Result<Path<String>, PathRejection>;

/// Lists all service accounts.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/v1/service-accounts/",
    operation_id = "listAccounts",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    responses(
        (status = 200, description = "All service accounts, by name", body = wire::AccountList),
        ProblemResponses<schema::ListProblems>,
    ),
))]
pub(crate) async fn list<S: Records, F: Limits>(State(services): Shared<S, F>, headers: HeaderMap) -> Response {
    services.guard.guarded(ROUTE, &headers, (services.now)(), |_| services.list()).await
}

/// Creates a service account.
///
/// The response contains its secret, which is not stored and cannot be shown again.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/service-accounts/",
    operation_id = "createAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    request_body(content = wire::NewAccount, example = json!({"name": "operator-2", "scopes": ["affiliation"]})),
    responses(
        (status = 201, description = "The account and its secret", body = wire::AccountWithSecret,
            headers(("Location" = String, description = "The path of the account"))),
        ProblemResponses<schema::CreateProblems>,
    ),
))]
pub(crate) async fn create<S: Records, F: Limits>(
    State(services): Shared<S, F>,
    Origin(origin): Origin,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    services.administer(&headers, origin, |by| services.create(by, &headers, body)).await
}

/// Shows a service account.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/v1/service-accounts/{name}/",
    operation_id = "showAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    responses(
        (status = 200, description = "The account", body = wire::AccountAnswer),
        ProblemResponses<schema::FindProblems>,
    ),
))]
pub(crate) async fn show<S: Records, F: Limits>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
    name: Name,
) -> Response {
    let name = in_path(name);
    services.guard.guarded(ROUTE, &headers, (services.now)(), |_| services.show(&name)).await
}

/// Changes the scopes or the rate limit of a service account, disables or enables it.
///
/// If it is disabled or loses a scope, its sessions end. A new rate limit is in the tokens that are
/// issued from then on.
#[cfg_attr(feature = "openapi", utoipa::path(
    patch,
    path = "/api/v1/service-accounts/{name}/",
    operation_id = "changeAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    request_body(content = wire::ChangedAccount, example = json!({"disabled": true})),
    responses(
        (status = 200, description = "The account after the change", body = wire::AccountAnswer),
        ProblemResponses<schema::ChangeProblems>,
    ),
))]
pub(crate) async fn change<S: Records, F: Limits>(
    State(services): Shared<S, F>,
    Origin(origin): Origin,
    headers: HeaderMap,
    name: Name,
    body: RequestBody,
) -> Response {
    let name = in_path(name);
    services.administer(&headers, origin, |by| services.change(by, &name, &headers, body)).await
}

/// Deletes a service account and ends its sessions.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete,
    path = "/api/v1/service-accounts/{name}/",
    operation_id = "deleteAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    responses(
        (status = 204, description = "The account is deleted"),
        ProblemResponses<schema::FindProblems>,
    ),
))]
pub(crate) async fn delete<S: Records, F: Limits>(
    State(services): Shared<S, F>,
    Origin(origin): Origin,
    headers: HeaderMap,
    name: Name,
) -> Response {
    let name = in_path(name);
    services.administer(&headers, origin, |by| services.delete(by, &name)).await
}

/// Gives a service account a new secret and ends its sessions.
///
/// The response contains the secret, which is not stored and cannot be shown again.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/service-accounts/{name}/rotate/",
    operation_id = "rotateSecret",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    responses(
        (status = 200, description = "The account and its new secret", body = wire::AccountWithSecret),
        ProblemResponses<schema::FindProblems>,
    ),
))]
pub(crate) async fn rotate<S: Records, F: Limits>(
    State(services): Shared<S, F>,
    Origin(origin): Origin,
    headers: HeaderMap,
    name: Name,
) -> Response {
    let name = in_path(name);
    services.administer(&headers, origin, |by| services.rotate(by, &name)).await
}

impl<S: Records, F: Limits> Services<S, F> {
    /// Runs `respond` for an administrator, with the origin of the request that the audit records.
    async fn administer<T: Future<Output = Result<Response, Problem>>>(
        &self,
        headers: &HeaderMap,
        origin: LoginOrigin,
        respond: impl FnOnce(LoginOrigin) -> T,
    ) -> Response {
        let respond = |caller: Caller| respond(LoginOrigin { actor: Some(caller.subject), ..origin });
        self.guard.guarded(ROUTE, headers, (self.now)(), respond).await
    }

    async fn account(&self, name: &str) -> Result<Account, Problem> {
        let none = || Problem::new(ProblemKind::NotFound, "there is no service account with this name");
        let name = AccountName::parse(name).map_err(|_| none())?;
        Ok(self.store.find(&name).await?.ok_or_else(none)?.account)
    }

    async fn list(&self) -> Result<Response, Problem> {
        let accounts = self.store.list().await?;
        Ok(wire::accounts(&accounts))
    }

    async fn show(&self, name: &str) -> Result<Response, Problem> {
        Ok(Json(wire::account(&self.account(name).await?)).into_response())
    }

    async fn create(&self, by: LoginOrigin, headers: &HeaderMap, body: RequestBody) -> Result<Response, Problem> {
        let NewAccount { name, scopes, rate_limit } = read_json(headers, &body.read().await?)?;
        let (name, scopes) = (wire::read_name(&name)?, wire::read_scopes(&scopes)?);
        let rate_limit = rate_limit.map(|limit| wire::read_rate_limit(&limit)).transpose()?;
        let (now, secret) = ((self.now)(), new_secret());
        let account =
            Account { name, scopes, disabled: false, created_at: now, rotated_at: now, last_used_at: None, rate_limit };
        let stored = StoredAccount { account, secret_hash: self.state.argon.hash(&secret) };
        if !self.store.insert(&stored).await? {
            let detail = "a service account with this name exists: rotate its secret, or choose another name";
            return Err(Problem::new(ProblemKind::AccountExists, detail).field("name"));
        }
        self.store.note(Event::Created, stored.account.name.as_str(), &by, now).await?;
        Ok(wire::account_with_secret(&stored.account, &secret, StatusCode::CREATED))
    }

    async fn change(
        &self,
        by: LoginOrigin,
        name: &str,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<Response, Problem> {
        let ChangedAccount { scopes, disabled, rate_limit } = read_json(headers, &body.read().await?)?;
        let rate_limit = match rate_limit {
            RateLimitChange::Own(limit) => RateLimitChange::Own(wire::read_rate_limit(&limit)?),
            other => other,
        };
        let scopes = scopes.map(|scopes| wire::read_scopes(&scopes)).transpose()?;
        let before = self.account(name).await?;
        let ends_sessions = disabled == Some(true) || scopes.as_ref().is_some_and(|new| !before.scopes.within(new));
        let change = AccountChange { scopes, disabled, rate_limit, ends_sessions, ..AccountChange::default() };
        self.apply(&by, &before.name, &change, Event::Changed).await?;
        self.show(name).await
    }

    async fn rotate(&self, by: LoginOrigin, name: &str) -> Result<Response, Problem> {
        let before = self.account(name).await?;
        let (at, secret) = ((self.now)(), new_secret());
        let new = NewSecret { hash: self.state.argon.hash(&secret), at };
        let change = AccountChange { secret: Some(new), ends_sessions: true, ..AccountChange::default() };
        self.apply(&by, &before.name, &change, Event::Rotated).await?;
        Ok(wire::account_with_secret(&self.account(name).await?, &secret, StatusCode::OK))
    }

    async fn delete(&self, by: LoginOrigin, name: &str) -> Result<Response, Problem> {
        let (name, now) = (self.account(name).await?.name, (self.now)());
        let ended = self.store.delete(&name, now).await?;
        self.publish_revocations(&ended, now).await;
        self.store.note(Event::Deleted, name.as_str(), &by, now).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    /// Changes an account, tells the guards which sessions ended, and records the event.
    async fn apply(
        &self,
        by: &LoginOrigin,
        name: &AccountName,
        change: &AccountChange,
        event: Event,
    ) -> Result<(), Problem> {
        let now = (self.now)();
        let ended = self.store.change(name, change, now).await?;
        self.publish_revocations(&ended, now).await;
        Ok(self.store.note(event, name.as_str(), by, now).await?)
    }
}
