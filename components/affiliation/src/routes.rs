//! The routes of this component, as a function of the services that they need.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::services::{Ports, Services};
use crate::wire;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use connectivity_domain::audit::Action;
use connectivity_domain::check::{AffiliatedCache, CheckError, CheckRequest, CheckStore, check_affiliations};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::problem::ProblemKind;
use connectivity_edge::audit::Reader;
use connectivity_edge::guard::Route;
use connectivity_edge::history::HistoryQuery;
use connectivity_edge::holdings;
#[cfg(feature = "openapi")]
use connectivity_edge::holdings::schema::{CitizenParameters, PageParameters};
#[cfg(feature = "openapi")]
use connectivity_edge::openapi::ProblemResponses;
use connectivity_edge::path::in_path;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::RequestBody;
use connectivity_edge::retention;
use connectivity_edge::subject::{with_record, with_records};
use connectivity_edge::token::Caller;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

const CHECK: Route = Route::new("check", "affiliation");
const CHECKS: Route = Route::new("checks", "affiliation");
const HISTORY: Route = Route::new("history", "affiliation");
const CITIZEN: Route = Route::new("citizen", "admin");
// Without a rate limit, because the bridge calls it many times in a row.
const RETENTION: Route = Route::without_rate_limit("retention", "bridge");

/// The `Retry-After` of failures that an operator has to fix.
const RETRY_AFTER_A_FAULT: Duration = Duration::from_mins(1);

/// The citizen's id in the path, or why it cannot be read.
type Citizen = Result<Path<String>, PathRejection>;

/// Returns the routes. Their paths are without trailing slashes: the server strips those from
/// requests.
pub(crate) fn router<P: Ports>(services: Services<P>) -> Router {
    Router::new()
        .route("/api/v1/affiliation/check", post(check::<P>))
        .route("/api/v1/affiliation/checks", post(check_all::<P>))
        .route("/api/v1/affiliation/history", get(history::<P>))
        .route("/api/v1/affiliation/citizens/{id}", get(show::<P>).delete(erase::<P>))
        .route("/internal/v1/affiliation/retention", post(expire::<P>))
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
pub(crate) async fn check<P: Ports>(
    State(services): State<Arc<Services<P>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let check = |caller: Caller| services.check(caller, &context, &headers, body);
    services.guard.guarded(CHECK, &headers, (services.now)(), check).await
}

/// Can these citizens be affiliated? 1 to 100 ids in one request.
///
/// The results are in the order of the ids. Each is the result of a single check, or an error if the
/// id is invalid or the registry gave no verdict. A repeated id is asked about once. Each id counts
/// one call of the rate limit: if fewer calls are left than there are ids, the response is a 429 and
/// none is taken. All checks are recorded before the response is sent. If they cannot be, the
/// response is a 503 and says nothing about any citizen.
#[cfg_attr(feature = "openapi", utoipa::path(
    post,
    path = "/api/v1/affiliation/checks/",
    operation_id = "checkAffiliations",
    tag = "affiliation",
    security(("bearer" = ["affiliation"]), ("oauth2" = ["affiliation"])),
    request_body(
        content = wire::checks::ChecksRequest,
        example = json!({"citizen_ids": ["1128456232", "1128456231", "12345"]}),
    ),
    responses(
        (status = 200, description = "A result for each id", body = wire::checks::ChecksAnswer),
        ProblemResponses<schema::ChecksProblems>,
    ),
))]
pub(crate) async fn check_all<P: Ports>(
    State(services): State<Arc<Services<P>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let read = async {
        let ids = body.read().await.map_err(Problem::from).and_then(|body| wire::checks::read_checks(&headers, &body));
        // A malformed request counts one call, as every other one.
        (ids.as_ref().map_or(1, |ids| ids.len() as u64), ids)
    };
    let check = |caller: Caller, ids| services.check_all(caller, &context, ids);
    services.guard.guarded_calls(CHECKS, &headers, services.now, read, check).await
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
pub(crate) async fn history<P: Ports>(
    State(services): State<Arc<Services<P>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let history = |caller: Caller| services.history(services.reader(caller, &headers, &context), query.as_deref());
    services.guard.guarded(HISTORY, &headers, (services.now)(), history).await
}

/// Shows everything that is held about a citizen: checks, and who read them.
#[cfg_attr(feature = "openapi", utoipa::path(
    get,
    path = "/api/v1/affiliation/citizens/{id}/",
    operation_id = "showCitizenChecks",
    tag = "affiliation",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(CitizenParameters, PageParameters),
    responses(
        (status = 200, description = "A page of the records, and of the accesses", body = wire::HeldChecks),
        ProblemResponses<schema::HistoryProblems>,
    ),
))]
pub(crate) async fn show<P: Ports>(
    State(services): State<Arc<Services<P>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    id: Citizen,
    RawQuery(query): RawQuery,
) -> Response {
    let id = in_path(id);
    let show = async |caller: Caller| {
        let (store, audit) = (&services.store, &services.audit);
        let reader = services.reader(caller, &headers, &context);
        holdings::show(store, audit, &reader, &id, query.as_deref(), wire::held).await
    };
    services.guard.guarded(CITIZEN, &headers, (services.now)(), show).await
}

/// Erases everything that is held about a citizen.
///
/// What remains is an entry in the audit log that does not name the citizen.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete,
    path = "/api/v1/affiliation/citizens/{id}/",
    operation_id = "eraseCitizenChecks",
    tag = "affiliation",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(CitizenParameters),
    responses(
        (status = 200, description = "The records were erased", body = holdings::ErasedHoldings),
        ProblemResponses<schema::ErasureProblems>,
    ),
))]
pub(crate) async fn erase<P: Ports>(
    State(services): State<Arc<Services<P>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    id: Citizen,
) -> Response {
    let id = in_path(id);
    let erase = |caller: Caller| services.erase(services.reader(caller, &headers, &context), &id);
    services.guard.guarded(CITIZEN, &headers, (services.now)(), erase).await
}

/// Deletes a batch of old records, for the bridge.
async fn expire<P: Ports>(State(services): State<Arc<Services<P>>>, headers: HeaderMap, body: RequestBody) -> Response {
    let now = (services.now)();
    let expire = |_| retention::expire(&services.old_records, &headers, body, now);
    services.guard.guarded(RETENTION, &headers, now, expire).await
}

impl<P: Ports> Services<P> {
    async fn check(
        &self,
        caller: Caller,
        context: &RequestContext,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<Response, Problem> {
        let citizen = wire::read_check(headers, &body.read().await?)?;
        let request = self.request(citizen, &caller, context);
        let (id, registry) = (request.id.clone(), (self.registry)(context, &caller.subject));
        let checked = check_affiliations(&registry, &self.store, &self.affiliated, vec![request], self.now).await?;
        let response = match checked.into_iter().next() {
            Some(Ok(record)) => wire::checked(&record, self.affiliated_without_body),
            Some(Err(error)) => problem(&error).into_response(),
            None => return Err(Problem::storage_unavailable()),
        };
        Ok(with_record(response, &id))
    }

    async fn check_all(
        &self,
        caller: Caller,
        context: &RequestContext,
        ids: Result<wire::checks::Ids, Problem>,
    ) -> Result<Response, Problem> {
        let ids = ids?;
        let requests = ids.citizens.iter().map(|citizen| self.request(citizen.clone(), &caller, context)).collect();
        let registry = (self.registry)(context, &caller.subject);
        let checked = check_affiliations(&registry, &self.store, &self.affiliated, requests, self.now).await?;
        Ok(with_records(wire::checks::all_checked(&ids, &checked, problem), checked.len()))
    }

    /// Returns the request for a check of this citizen.
    fn request(&self, citizen: CitizenId, caller: &Caller, context: &RequestContext) -> CheckRequest {
        let (requested_by, request_id) = (caller.subject.clone(), context.request_id.clone());
        CheckRequest { id: (self.new_id)(), citizen, requested_by, request_id }
    }

    async fn history(&self, reader: Reader, query: Option<&str>) -> Result<Response, Problem> {
        let query = HistoryQuery::parse(query, "citizen_id")?;
        let (count, checks) = self.store.history(&query.citizen, query.page).await?;
        reader.note(&self.audit, Action::HistoryRead, &query.citizen, None).await?;
        Ok(wire::history(&query, count, &checks))
    }

    async fn erase(&self, reader: Reader, id: &str) -> Result<Response, Problem> {
        let (store, audit, receipt) = (&self.store, &self.audit, (self.new_id)());
        let (citizen, erased) = holdings::erase_held(store, audit, &reader, id, receipt).await?;
        self.affiliated.forget(&citizen).await;
        Ok(erased)
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
    }
}
