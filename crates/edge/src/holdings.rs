//! What is held about one citizen, for an operator: shown and erased, and both noted in the audit
//! log.

use crate::audit::Reader;
use crate::history::read_page;
use crate::problem::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use connectivity_domain::audit::{Access, Action, AuditLog};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::holdings::{Erasure, Holdings, erase};
use connectivity_domain::problem::ProblemKind;
use serde::Serialize;
use std::time::Duration;

/// When to try again while a request about the citizen is in progress.
const IN_PROGRESS_RETRY_AFTER: Duration = Duration::from_mins(1);

/// What is held about a citizen: one page of the records, and of the accesses to the citizen's data.
#[derive(Debug, Serialize)]
pub struct Held<T> {
    citizen_id: String,
    records: HeldPage<T>,
    accesses: HeldPage<AccessEntry>,
}

/// A page of what is held, with the number on all pages.
#[derive(Debug, Serialize)]
struct HeldPage<T> {
    count: u64,
    results: Vec<T>,
}

/// An access to a citizen's data.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Access))]
pub struct AccessEntry {
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    at: String,
    /// `HISTORY_READ`, `RECORD_READ` or `CITIZEN_SHOWN`
    action: String,
    /// The subject of the access token
    subject: String,
    /// The address of the client. Null if it is not known
    #[cfg_attr(feature = "openapi", schema(required))]
    address: Option<String>,
    request_id: String,
    /// The id of the record that was read. Null if it was more than one
    #[cfg_attr(feature = "openapi", schema(required))]
    target: Option<String>,
}

/// The result of an erasure.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Erased))]
pub struct ErasedHoldings {
    /// How many records were erased
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    erased: u64,
    /// The id of the entry in the audit log
    audit_id: String,
    /// Proves whose data the entry is about, which the entry itself does not contain. It is not stored
    receipt: String,
}

impl From<Access> for AccessEntry {
    fn from(access: Access) -> Self {
        let Access { at, action, subject, address, request_id, target } = access;
        Self { at: at.to_rfc3339_micros(), action, subject, address, request_id, target }
    }
}

/// Responds with one page of what is held about a citizen. `citizen` is the id in the path, and
/// `entry` returns what is shown of a record.
pub async fn show<H: Holdings, L: AuditLog, T: Serialize>(
    holdings: &H,
    log: &L,
    reader: &Reader,
    citizen: &str,
    query: Option<&str>,
    entry: impl Fn(H::Record) -> T,
) -> Result<Response, Problem> {
    let (citizen, page) = (read_citizen(citizen)?, read_page(query)?);
    let (count, records) = holdings.held(&citizen, page).await?;
    let (access_count, accesses) = log.accesses(&citizen, page).await?;
    reader.note(log, Action::CitizenShown, &citizen, None).await?;
    let results = records.into_iter().map(entry).collect();
    let accesses = accesses.into_iter().map(AccessEntry::from).collect();
    let (records, accesses) = (HeldPage { count, results }, HeldPage { count: access_count, results: accesses });
    Ok(Json(Held { citizen_id: citizen.as_str().to_owned(), records, accesses }).into_response())
}

/// Erases what is held about a citizen. `citizen` is the id in the path, and `receipt` a new random
/// text.
///
/// # Errors
///
/// 409 while a request about the citizen is in progress.
pub async fn erase_held<H: Holdings, L: AuditLog>(
    holdings: &H,
    log: &L,
    reader: &Reader,
    citizen: &str,
    receipt: String,
) -> Result<(CitizenId, Response), Problem> {
    let citizen = read_citizen(citizen)?;
    let entry = reader.entry(Action::CitizenErased, &citizen, None);
    let audit_id = entry.id.clone();
    match erase(holdings, log, &citizen, &receipt, entry).await? {
        Erasure::Erased(erased) => Ok((citizen, Json(ErasedHoldings { erased, audit_id, receipt }).into_response())),
        Erasure::InProgress => {
            let detail = "a request about this citizen is in progress, and nothing was erased: repeat it after the \
                seconds in Retry-After";
            Err(Problem::new(ProblemKind::InProgress, detail).retry_after(IN_PROGRESS_RETRY_AFTER))
        }
    }
}

fn read_citizen(text: &str) -> Result<CitizenId, Problem> {
    CitizenId::parse(text)
        .map_err(|error| Problem::new(ProblemKind::InvalidCitizenId, format!("the citizen id in the path {error}")))
}

/// The parameters and schemas, for the OpenAPI document.
#[cfg(feature = "openapi")]
pub mod schema {
    use super::{AccessEntry, Held};
    use crate::schema::{page, page_size};
    use std::borrow::Cow;
    use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
    use utoipa::openapi::{Ref, RefOr, Schema};
    use utoipa::{IntoParams, PartialSchema, ToSchema};

    /// The citizen in the path.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Path)]
    #[expect(dead_code, reason = "the path is read by `in_path`")]
    pub struct CitizenParameters {
        /// The citizen: 6 to 12 digits. Leading zeros are ignored
        #[param(pattern = r"^0*[1-9][0-9]{5,11}$", example = "1128456232")]
        id: String,
    }

    /// The page of what is held about a citizen.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    #[expect(dead_code, reason = "the query is read by `read_page`")]
    pub struct PageParameters {
        #[param(schema_with = page)]
        page: Option<String>,
        #[param(schema_with = page_size)]
        page_size: Option<String>,
    }

    impl<T: ToSchema> PartialSchema for Held<T> {
        fn schema() -> RefOr<Schema> {
            let list = |name: &str, description| {
                let count = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
                ObjectBuilder::new()
                    .description(Some(description))
                    .property("count", count.description(Some("The number on all pages")))
                    .property("results", ArrayBuilder::new().items(Ref::from_schema_name(name)))
                    .required("count")
                    .required("results")
            };
            let citizen = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[1-9][0-9]{5,11}$"));
            let accesses = "Who read the citizen's data, newest first. The same for all kinds of records";
            ObjectBuilder::new()
                .description(Some("What is held about a citizen: one page of each list."))
                .property("citizen_id", citizen)
                .property("records", list(&T::name(), "The records, newest first"))
                .property("accesses", list(&AccessEntry::name(), accesses))
                .required("citizen_id")
                .required("records")
                .required("accesses")
                .into()
        }
    }

    /// Named after what is held: `HeldCheckDetails` for `CheckDetails`.
    impl<T: ToSchema> ToSchema for Held<T> {
        fn name() -> Cow<'static, str> {
            format!("Held{}", T::name()).into()
        }

        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            schemas.push((AccessEntry::name().into_owned(), AccessEntry::schema()));
            T::schemas(schemas);
        }
    }
}
