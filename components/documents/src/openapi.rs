//! The OpenAPI document of the routes for callers. The routes for the bridge are not in it. The
//! functions are not called: the routes are those of `crates/jobs`, and these describe them.
#![expect(dead_code, reason = "only their descriptions are used")]

use crate::job::Record;
use crate::schema;
use crate::store::Documents;
use connectivity_edge::history::HistoryPage;
use connectivity_edge::openapi::ProblemResponses;
use connectivity_jobs::schema::{FindProblems, HistoryParameters, HistoryProblems, RequestHeaders, SubmitProblems};
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
#[openapi(paths(submit, history, find))]
struct Document;

/// A page of records.
type DocumentHistory<'a> = HistoryPage<Record<'a>>;

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
