//! The routes. A plain function of the services that it is given.

#[cfg(not(target_family = "wasm"))]
use crate::openapi;
use crate::wire::{self, HistoryQuery};
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use connectivity_domain::check::{AffiliatedCache, CheckError, CheckStore, Registry, StoreError, check_affiliation};
use connectivity_domain::page::Page;
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_kit::guard::{Guard, Route};
#[cfg(not(target_family = "wasm"))]
use connectivity_kit::openapi::Refusals;
use connectivity_kit::problem::Problem;
use connectivity_kit::request::{Asking, RequestContext};
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

const CHECK: Route = Route::new("check", "affiliation");
const HISTORY: Route = Route::new("history", "affiliation");

/// When to come back after a failure that an operator has to mend.
const LATER: Duration = Duration::from_mins(1);

/// What the routes need to answer requests.
pub(crate) struct Services<R, S, M> {
    pub(crate) registry: Asking<R>,
    pub(crate) store: S,
    pub(crate) memory: M,
    pub(crate) guard: Arc<Guard>,
    pub(crate) affiliated_without_body: bool,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

/// The routes of this component, without trailing slashes: `answer::route` has taken them off.
pub(crate) fn router<R, S, M>(services: Services<R, S, M>) -> Router
where
    R: Registry + 'static,
    S: CheckStore + 'static,
    M: AffiliatedCache + 'static,
{
    Router::new()
        .route("/api/v1/affiliation/check", post(check::<R, S, M>))
        .route("/api/v1/affiliation/history", get(history::<R, S, M>))
        .with_state(Arc::new(services))
}

/// May this citizen be affiliated with us?
///
/// Asks the registry. Only a citizen of whom the registry says that nobody has affiliated it is eligible; where the
/// registry gives no verdict, the answer is a 503 and nothing is known. Every check is recorded before it is answered.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    post,
    path = "/api/v1/affiliation/check/",
    operation_id = "checkAffiliation",
    tag = "affiliation",
    security(("bearer" = ["affiliation"]), ("oauth2" = ["affiliation"])),
    request_body(content = wire::CheckRequest, example = json!({"citizen_id": "1128456232"})),
    responses(
        (status = 200, description = "The registry's verdict", body = wire::CheckAnswer),
        (status = 204, description = "Already affiliated, where the service is set to say so without a body \
            (`affiliated_status = \"204\"`), for callers of the older one"),
        Refusals<openapi::Check>,
    ),
))]
pub(crate) async fn check<R: Registry, S: CheckStore, M: AffiliatedCache>(
    State(services): State<Arc<Services<R, S, M>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match services.guard.admit(CHECK, &headers, (services.now)()).await {
        Ok(admitted) => admitted.answer(services.check(&context, &headers, &body).await),
        Err(refused) => refused.into_response(),
    }
}

/// The checks of a citizen, the newest first.
#[cfg_attr(not(target_family = "wasm"), utoipa::path(
    get,
    path = "/api/v1/affiliation/history/",
    operation_id = "listChecks",
    tag = "affiliation",
    security(("bearer" = ["affiliation"]), ("oauth2" = ["affiliation"])),
    params(HistoryQuery),
    responses(
        (status = 200, description = "A page of them", body = wire::HistoryAnswer),
        Refusals<openapi::History>,
    ),
))]
pub(crate) async fn history<R: Registry, S: CheckStore, M: AffiliatedCache>(
    State(services): State<Arc<Services<R, S, M>>>,
    headers: HeaderMap,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Response {
    match services.guard.admit(HISTORY, &headers, (services.now)()).await {
        Ok(admitted) => admitted.answer(services.history(query).await),
        Err(refused) => refused.into_response(),
    }
}

impl<R: Registry, S: CheckStore, M: AffiliatedCache> Services<R, S, M> {
    async fn check(&self, context: &RequestContext, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let citizen = wire::read_check(headers, body)?;
        let id = (self.new_id)();
        let checked =
            check_affiliation(&(self.registry)(context), &self.store, &self.memory, &citizen, id, self.now).await;
        let record = checked.map_err(|error| no_answer(&error))?;
        Ok(wire::checked(&record, self.affiliated_without_body))
    }

    async fn history(&self, query: Result<Query<HistoryQuery>, QueryRejection>) -> Result<Response, Problem> {
        let Query(query) = query.map_err(|_| {
            Problem::new(ProblemKind::InvalidRequest, "give citizen_id, page and page_size at most once each")
        })?;
        let citizen = wire::read_citizen(query.citizen_id.as_deref().unwrap_or_default())?;
        let page = Page::parse(query.page.as_deref(), query.page_size.as_deref())
            .map_err(|error| Problem::new(ProblemKind::InvalidRequest, error.to_string()))?;
        let (count, checks) =
            self.store.history(&citizen, page).await.map_err(|StoreError| Problem::storage_unavailable())?;
        Ok(wire::history(&citizen, page, count, &checks))
    }
}

/// What the caller hears of a check without an answer. Which server failed and how is not its affair.
fn no_answer(error: &CheckError) -> Problem {
    match error {
        CheckError::NoVerdict { retry_after, .. } => {
            let detail =
                "the registry cannot be asked at the moment: nothing is known about the citizen, try again later";
            Problem::new(ProblemKind::RegistryUnavailable, detail).retry_after(*retry_after)
        }
        CheckError::Refused => {
            let detail = "the registry refused the question: nothing is known about the citizen";
            Problem::new(ProblemKind::RegistryRefused, detail).retry_after(LATER)
        }
        CheckError::UnexpectedResponse => {
            let detail = "the registry gave an answer that is not in its contract: nothing is known about the citizen";
            Problem::new(ProblemKind::RegistryUnexpectedResponse, detail).retry_after(LATER)
        }
        CheckError::NotRecorded => Problem::storage_unavailable(),
    }
}
