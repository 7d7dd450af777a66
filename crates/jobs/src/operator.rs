//! The routes for an operator: what is held about one citizen. Scope `admin`.

use crate::job::Job;
use crate::services::{Records, Services};
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use connectivity_domain::job::{JobRegistry, Record};
use connectivity_edge::guard::Route;
use connectivity_edge::holdings;
use connectivity_edge::path::in_path;
use connectivity_edge::token::Caller;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use serde_json::Value;
use std::sync::Arc;

const CITIZEN: Route = Route::new("citizen", "admin");

/// Shows everything that is held about a citizen.
pub(crate) async fn show<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let id = in_path(id);
    let respond = async |caller: Caller| {
        let (store, reader) = (&services.store, services.reader(caller, &headers, &context));
        holdings::show(store, store, &reader, &id, query.as_deref(), held::<J>).await
    };
    services.guard.guarded(CITIZEN, &headers, (services.now)(), respond).await
}

/// Erases everything that is held about a citizen.
pub(crate) async fn erase<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    let id = in_path(id);
    let respond = async |caller: Caller| {
        let (store, reader) = (&services.store, services.reader(caller, &headers, &context));
        holdings::erase_held(store, store, &reader, &id, (services.new_id)()).await.map(|(_, response)| response)
    };
    services.guard.guarded(CITIZEN, &headers, (services.now)(), respond).await
}

/// Returns what an operator sees of a record: what callers see, and who asked.
fn held<J: Job>(record: Record<J::Question>) -> Value {
    // What callers see always serializes, as an object.
    let mut shown = serde_json::to_value(J::shown(&record)).unwrap_or_default();
    if let Value::Object(fields) = &mut shown {
        fields.insert("requested_by".to_owned(), record.requester.subject.into());
        fields.insert("request_id".to_owned(), record.requester.request_id.into());
    }
    shown
}
