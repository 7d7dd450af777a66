//! The OpenAPI document of the routes for callers. The routes for the bridge are not in it. The
//! functions are not called: the routes are those of `crates/jobs`, and these describe them.
#![expect(dead_code, reason = "only their descriptions are used")]

use crate::job::{HeldRecord, Record};
use crate::schema;
use crate::store::Documents;
use connectivity_edge::history::HistoryPage;
use connectivity_edge::holdings::schema::{CitizenParameters, PageParameters};
use connectivity_edge::holdings::{ErasedHoldings, Held};
use connectivity_edge::openapi::ProblemResponses;
use connectivity_jobs::schema::{
    ErasureProblems, FindProblems, HistoryParameters, HistoryProblems, RequestHeaders, SubmitProblems,
};
use connectivity_jobs::{Accepted, Job, Paths};
use utoipa::OpenApi;

/// Returns the document of this component's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Returns the paths of this component's routes.
pub fn paths() -> Paths {
    Paths::new(Documents::NAME, Documents::ACTION)
}

#[derive(OpenApi)]
#[openapi(paths(submit, history, find, show, erase))]
struct Document;

/// A page of records.
type DocumentHistory<'a> = HistoryPage<Record<'a>>;

/// What is held about a citizen.
type HeldDocuments<'a> = Held<HeldRecord<'a>>;

/// Is this document authentic?
///
/// Asks the registry and returns the finished record. With `Prefer: respond-async` the request goes
/// through the queue instead, and the response says where the record is. With an `Idempotency-Key`,
/// or a `messageId` in the body, the request can be repeated: requests with the same key are one
/// request. Give one of the two, not both.
#[utoipa::path(
    post,
    path = "/api/v1/documents/authenticate/",
    operation_id = "authenticateDocument",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(RequestHeaders),
    request_body(content = schema::RequestBody),
    responses(
        (status = 200, description = "The finished record. If the request is a repetition, the record of the first one",
            body = Record),
        (status = 202, description = "Accepted for the queue", body = Accepted, headers(
            ("Location" = String, description = "The path of the record"),
            ("Preference-Applied" = String, description = "`respond-async`"),
        )),
        ProblemResponses<SubmitProblems<Documents>>,
    ),
)]
fn submit() {}

/// Lists the records of a citizen, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/documents/history/",
    operation_id = "listDocuments",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(HistoryParameters),
    responses(
        (status = 200, description = "A page of records", body = DocumentHistory),
        ProblemResponses<HistoryProblems>,
    ),
)]
fn history() {}

/// Shows a record.
#[utoipa::path(
    get,
    path = "/api/v1/documents/{id}/",
    operation_id = "showDocument",
    tag = "documents",
    security(("bearer" = ["documents"]), ("oauth2" = ["documents"])),
    params(("id" = String, Path, description = "The record's `id`")),
    responses(
        (status = 200, description = "The record", body = Record),
        ProblemResponses<FindProblems>,
    ),
)]
fn find() {}

/// Shows everything that is held about a citizen: records, and who read them.
#[utoipa::path(
    get,
    path = "/api/v1/documents/citizens/{id}/",
    operation_id = "showCitizenDocuments",
    tag = "documents",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(CitizenParameters, PageParameters),
    responses(
        (status = 200, description = "A page of the records, and of the accesses", body = HeldDocuments),
        ProblemResponses<HistoryProblems>,
    ),
)]
fn show() {}

/// Erases everything that is held about a citizen.
///
/// What remains is an entry in the audit log that does not name the citizen. While a request about
/// the citizen is in progress, or its result is not published yet, nothing is erased.
#[utoipa::path(
    delete,
    path = "/api/v1/documents/citizens/{id}/",
    operation_id = "eraseCitizenDocuments",
    tag = "documents",
    security(("bearer" = ["admin"]), ("oauth2" = ["admin"])),
    params(CitizenParameters),
    responses(
        (status = 200, description = "The records were erased", body = ErasedHoldings),
        ProblemResponses<ErasureProblems>,
    ),
)]
fn erase() {}
