//! `/api/v1/service-accounts/…`: the accounts, for an administrator. Scope `admin`.

#[cfg(not(target_family = "wasm"))]
use crate::openapi;
use crate::secrets::new_secret;
use crate::services::{Records, Services};
use crate::wire::{self, ChangedAccount, NewAccount};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use connectivity_domain::access::{
    Account, AccountChange, AccountName, Event, FailedLogins, LoginOrigin, NewSecret, StoredAccount,
};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::registry::StoreError;
use connectivity_kit::guard::{Admitted, Route};
#[cfg(not(target_family = "wasm"))]
use connectivity_kit::openapi::Refusals;
use connectivity_kit::problem::Problem;
use connectivity_kit::request::in_path;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

const ROUTE: Route = Route::new("service-accounts", "admin");

type Shared<S, F> = State<Arc<Services<S, F>>>;

type Named = Result<Path<String>, PathRejection>;

/// All service accounts.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/api/v1/service-accounts/",
    operation_id = "listAccounts",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    responses(
        (status = 200, description = "All of them", body = wire::AccountList),
        Refusals<openapi::Look>,
    ),
))]
pub(crate) async fn list<S: Records, F: FailedLogins + 'static>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (admitted, _) = services.administer(&headers).await?;
    Ok(admitted.answer(services.list().await))
}

/// Makes a service account.
///
/// Its secret is in the answer, and nowhere else: it cannot be shown again.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/service-accounts/",
    operation_id = "createAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    request_body(content = wire::NewAccount, example = json!({"name": "operator-2", "scopes": ["affiliation"]})),
    responses(
        (status = 201, description = "The account and its secret", body = wire::AccountWithSecret,
            headers(("Location" = String, description = "Where the account is"))),
        Refusals<openapi::Create>,
    ),
))]
pub(crate) async fn create<S: Records, F: FailedLogins + 'static>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (admitted, by) = services.administer(&headers).await?;
    Ok(admitted.answer(services.create(&by, &headers, &body).await))
}

/// One service account.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/api/v1/service-accounts/{name}/",
    operation_id = "showAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    responses(
        (status = 200, description = "The account", body = wire::AccountAnswer),
        Refusals<openapi::Find>,
    ),
))]
pub(crate) async fn show<S: Records, F: FailedLogins + 'static>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
    name: Named,
) -> Result<Response, Problem> {
    let (admitted, _) = services.administer(&headers).await?;
    Ok(admitted.answer(services.show(&in_path(name)).await))
}

/// Gives an account other scopes, disables or enables it.
///
/// Its sessions end if it is disabled or loses a scope.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    patch,
    path = "/api/v1/service-accounts/{name}/",
    operation_id = "changeAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    request_body(content = wire::ChangedAccount, example = json!({"disabled": true})),
    responses(
        (status = 200, description = "The account as it is now", body = wire::AccountAnswer),
        Refusals<openapi::Change>,
    ),
))]
pub(crate) async fn change<S: Records, F: FailedLogins + 'static>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
    name: Named,
    body: Bytes,
) -> Result<Response, Problem> {
    let (admitted, by) = services.administer(&headers).await?;
    Ok(admitted.answer(services.change(&by, &in_path(name), &headers, &body).await))
}

/// Removes an account, and ends its sessions.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    delete,
    path = "/api/v1/service-accounts/{name}/",
    operation_id = "deleteAccount",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    responses(
        (status = 204, description = "It is gone"),
        Refusals<openapi::Find>,
    ),
))]
pub(crate) async fn delete<S: Records, F: FailedLogins + 'static>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
    name: Named,
) -> Result<Response, Problem> {
    let (admitted, by) = services.administer(&headers).await?;
    Ok(admitted.answer(services.delete(&by, &in_path(name)).await))
}

/// Gives an account a new secret, and ends its sessions.
///
/// The secret is in the answer, and nowhere else: it cannot be shown again.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/service-accounts/{name}/rotate/",
    operation_id = "rotateSecret",
    tag = "service accounts",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(("name" = String, Path, description = "The account's name")),
    responses(
        (status = 200, description = "The account and its secret", body = wire::AccountWithSecret),
        Refusals<openapi::Find>,
    ),
))]
pub(crate) async fn rotate<S: Records, F: FailedLogins + 'static>(
    State(services): Shared<S, F>,
    headers: HeaderMap,
    name: Named,
) -> Result<Response, Problem> {
    let (admitted, by) = services.administer(&headers).await?;
    Ok(admitted.answer(services.rotate(&by, &in_path(name)).await))
}

fn down(StoreError: StoreError) -> Problem {
    Problem::storage_unavailable()
}

impl<S: Records, F: FailedLogins + 'static> Services<S, F> {
    /// Lets an administrator in, and says in whose name the audit is to note what follows.
    async fn administer(&self, headers: &HeaderMap) -> Result<(Admitted, LoginOrigin), Problem> {
        let admitted = self.guard.admit(ROUTE, headers, (self.now)()).await?;
        let actor = Some(admitted.caller.subject.clone());
        Ok((admitted, LoginOrigin { actor, ..self.origin.clone() }))
    }

    async fn account(&self, name: &str) -> Result<Account, Problem> {
        let none = || Problem::new(ProblemKind::NotFound, "there is no service account of this name");
        let name = AccountName::parse(name).map_err(|_| none())?;
        Ok(self.store.find(&name).await.map_err(down)?.ok_or_else(none)?.account)
    }

    async fn list(&self) -> Result<Response, Problem> {
        let accounts = self.store.list().await.map_err(down)?;
        Ok(wire::accounts(&accounts))
    }

    async fn show(&self, name: &str) -> Result<Response, Problem> {
        Ok(Json(wire::account(&self.account(name).await?)).into_response())
    }

    async fn create(&self, by: &LoginOrigin, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let shape = "{\"name\": \"…\", \"scopes\": [\"affiliation\", …]}";
        let NewAccount { name, scopes } = wire::read(headers, body, shape)?;
        let (name, scopes) = (wire::name(&name)?, wire::scopes(&scopes)?);
        let (now, secret) = ((self.now)(), new_secret());
        let account = Account { name, scopes, disabled: false, created_at: now, rotated_at: now, last_used_at: None };
        let stored = StoredAccount { account, secret_hash: self.keeper.argon.hash(&secret), seed: None };
        if !self.store.insert(&stored).await.map_err(down)? {
            let detail = "there is a service account of this name: rotate its secret, or choose another name";
            return Err(Problem::new(ProblemKind::AccountExists, detail).field("name"));
        }
        self.store.note(Event::Created, stored.account.name.as_str(), by, now).await.map_err(down)?;
        Ok(wire::account_with_secret(&stored.account, &secret, StatusCode::CREATED))
    }

    async fn change(
        &self,
        by: &LoginOrigin,
        name: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Problem> {
        let shape = "{\"scopes\": [\"affiliation\", …], \"disabled\": true}, either or both";
        let ChangedAccount { scopes, disabled } = wire::read(headers, body, shape)?;
        let scopes = scopes.map(|scopes| wire::scopes(&scopes)).transpose()?;
        let before = self.account(name).await?;
        let ends = disabled == Some(true) || scopes.as_ref().is_some_and(|scopes| !before.scopes.within(scopes));
        let change = AccountChange { scopes, disabled, ..AccountChange::default() };
        self.apply(by, &before.name, &change, Event::Changed, ends).await?;
        self.show(name).await
    }

    async fn rotate(&self, by: &LoginOrigin, name: &str) -> Result<Response, Problem> {
        let before = self.account(name).await?;
        let (at, secret) = ((self.now)(), new_secret());
        let new = NewSecret { hash: self.keeper.argon.hash(&secret), at };
        let change = AccountChange { secret: Some(new), ..AccountChange::default() };
        self.apply(by, &before.name, &change, Event::Rotated, true).await?;
        Ok(wire::account_with_secret(&self.account(name).await?, &secret, StatusCode::OK))
    }

    async fn delete(&self, by: &LoginOrigin, name: &str) -> Result<Response, Problem> {
        let name = self.account(name).await?.name;
        self.store.delete(&name).await.map_err(down)?;
        self.end_all(&name).await?;
        self.store.note(Event::Deleted, name.as_str(), by, (self.now)()).await.map_err(down)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    /// Changes an account; what may not go on under it ends.
    async fn apply(
        &self,
        by: &LoginOrigin,
        name: &AccountName,
        change: &AccountChange,
        event: Event,
        ends: bool,
    ) -> Result<(), Problem> {
        self.store.change(name, change).await.map_err(down)?;
        if ends {
            self.end_all(name).await?;
        }
        self.store.note(event, name.as_str(), by, (self.now)()).await.map_err(down)
    }

    async fn end_all(&self, name: &AccountName) -> Result<(), Problem> {
        let now = (self.now)();
        let ended = self.store.end_all(name.as_str(), now).await.map_err(down)?;
        self.forget(&ended, now).await;
        Ok(())
    }
}
