//! The routes of this component, as a function of the services that they need.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use connectivity_domain::check::{AffiliatedCache, CheckError, CheckRequest, CheckStore, Registry, check_affiliation};
use connectivity_domain::problem::ProblemKind;
use connectivity_domain::time::Timestamp;
use connectivity_edge::guard::{Guard, Route};
use connectivity_edge::history::HistoryQuery;
#[cfg(feature = "openapi")]
use connectivity_edge::openapi::ProblemResponses;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::RequestBody;
use connectivity_edge::token::Caller;
use connectivity_registry::RegistryFactory;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

const CHECK: Route = Route::new("check", "affiliation");
const HISTORY: Route = Route::new("history", "affiliation");

/// The `Retry-After` of failures that an operator has to fix.
const RETRY_AFTER_A_FAULT: Duration = Duration::from_mins(1);

/// The services that the routes need.
pub(crate) struct Services<R, S, A> {
    pub(crate) registry: RegistryFactory<R>,
    pub(crate) store: S,
    pub(crate) affiliated: A,
    pub(crate) guard: Arc<Guard>,
    pub(crate) affiliated_without_body: bool,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

/// Returns the routes. Their paths are without trailing slashes: the server strips those from
/// requests.
pub(crate) fn router<R, S, A>(services: Services<R, S, A>) -> Router
where
    R: Registry + 'static,
    S: CheckStore + 'static,
    A: AffiliatedCache + 'static,
{
    Router::new()
        .route("/api/v1/affiliation/check", post(check::<R, S, A>))
        .route("/api/v1/affiliation/history", get(history::<R, S, A>))
        .with_state(Arc::new(services))
}

/// Can this citizen be affiliated?
///
/// Asks the registry. A citizen is eligible only if the registry answers that no operator has
/// affiliated the citizen. If the registry gives no verdict, the response is a 503 and says nothing
/// about the citizen. Every check is recorded before the response is sent.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/affiliation/check/",
    operation_id = "checkAffiliation",
    tag = "affiliation",
    security(("bearer" = ["affiliation"]), ("oauth2" = ["affiliation"])),
    request_body(content = wire::CheckRequest, example = json!({"citizen_id": "1128456232"})),
    responses(
        (status = 200, description = "The registry's verdict", body = wire::CheckAnswer),
        (status = 204, description = "The citizen is affiliated already. Only if the service is configured to say so \
            without a body (`affiliated_status = \"204\"`), for callers of the older service"),
        ProblemResponses<schema::CheckProblems>,
    ),
))]
pub(crate) async fn check<R: Registry, S: CheckStore, A: AffiliatedCache>(
    State(services): State<Arc<Services<R, S, A>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let check = |caller: Caller| services.check(caller, &context, &headers, body);
    services.guard.guarded(CHECK, &headers, (services.now)(), check).await
}

/// Lists the checks of a citizen, newest first.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/v1/affiliation/history/",
    operation_id = "listChecks",
    tag = "affiliation",
    security(("bearer" = ["affiliation"]), ("oauth2" = ["affiliation"])),
    params(schema::HistoryParameters),
    responses(
        (status = 200, description = "A page of checks", body = wire::CheckHistory),
        ProblemResponses<schema::HistoryProblems>,
    ),
))]
pub(crate) async fn history<R: Registry, S: CheckStore, A: AffiliatedCache>(
    State(services): State<Arc<Services<R, S, A>>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let history = |_| services.history(query.as_deref());
    services.guard.guarded(HISTORY, &headers, (services.now)(), history).await
}

impl<R: Registry, S: CheckStore, A: AffiliatedCache> Services<R, S, A> {
    async fn check(
        &self,
        caller: Caller,
        context: &RequestContext,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<Response, Problem> {
        let citizen = wire::read_check(headers, &body.read().await?)?;
        let registry = (self.registry)(context, &caller.subject);
        let request = CheckRequest { id: (self.new_id)(), citizen, requested_by: caller.subject };
        let checked = check_affiliation(&registry, &self.store, &self.affiliated, request, self.now).await;
        let record = checked.map_err(|error| problem(&error))?;
        Ok(wire::checked(&record, self.affiliated_without_body))
    }

    async fn history(&self, query: Option<&str>) -> Result<Response, Problem> {
        let query = HistoryQuery::parse(query, "citizen_id")?;
        let (count, checks) = self.store.history(&query.citizen, query.page).await?;
        Ok(wire::history(&query, count, &checks))
    }
}

/// Returns the problem that the caller sees. It does not say which server failed or how: the log
/// does.
fn problem(error: &CheckError) -> Problem {
    match error {
        CheckError::NoVerdict { cause, retry_after } => {
            let detail = "the registry is not available: nothing is known about the citizen; try again later";
            Problem::new(ProblemKind::RegistryUnavailable, detail).without_verdict(*cause).retry_after(*retry_after)
        }
        CheckError::Refused => {
            let detail = "the registry refused the question: nothing is known about the citizen; try again later";
            Problem::new(ProblemKind::RegistryRefused, detail).retry_after(RETRY_AFTER_A_FAULT)
        }
        CheckError::UnexpectedResponse => {
            let detail = "the registry's response is not one of those that it documents: nothing is known about the \
                citizen; try again later";
            Problem::new(ProblemKind::RegistryUnexpectedResponse, detail).retry_after(RETRY_AFTER_A_FAULT)
        }
        CheckError::NotRecorded => Problem::storage_unavailable(),
    }
}
