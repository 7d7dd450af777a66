//! What the OpenAPI document says of problems, and what it says of every operation.

mod common;

pub use common::{BASIC, BEARER, CommonParts, OAUTH2};

use crate::problem::{ProblemBody, urn};
use crate::schema::{seconds_header, text_header};
use connectivity_domain::problem::ProblemKind;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The problems that a route can answer with.
pub trait RouteProblems {
    /// The problems of the route itself.
    const KINDS: &'static [ProblemKind];
    /// Whether the route is behind the guard. If it is, the guard's problems are added.
    const GUARDED: bool = true;
}

/// The problems that the guard answers with.
const GUARD_PROBLEMS: [ProblemKind; 6] = [
    ProblemKind::Unauthenticated,
    ProblemKind::InvalidToken,
    ProblemKind::Forbidden,
    ProblemKind::TooManyRequests,
    ProblemKind::StorageUnavailable,
    ProblemKind::NotReady,
];

/// The responses for the problems of a route: one for each status.
pub struct ProblemResponses<P>(PhantomData<P>);

impl<P: RouteProblems> IntoResponses for ProblemResponses<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
        let possible = |kind: &ProblemKind| P::KINDS.contains(kind) || (P::GUARDED && GUARD_PROBLEMS.contains(kind));
        for kind in ProblemKind::ALL.into_iter().filter(possible) {
            by_status.entry(kind.status()).or_default().push(kind);
        }
        by_status.into_iter().map(|(status, kinds)| (status.to_string(), RefOr::T(response(status, &kinds)))).collect()
    }
}

/// The media type of problems (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The member of a response that lists the types of its problems.
pub const PROBLEM_TYPES: &str = "x-problem-types";

fn response(status: u16, kinds: &[ProblemKind]) -> Response {
    let titles = kinds.iter().map(|kind| format!("`{}`: {}", kind.slug(), kind.title())).collect::<Vec<_>>();
    // All problems have one schema, so that the code that is generated from the document has one class.
    let schema = Ref::from_schema_name(ProblemBody::name());
    let types = kinds.iter().map(|kind| urn(*kind)).collect::<Vec<_>>();
    let answer = ResponseBuilder::new()
        .description(titles.join(". "))
        .content(PROBLEM_JSON, Content::new(Some(schema)))
        .extensions(Some(ExtensionsBuilder::new().add(PROBLEM_TYPES, types).build()));
    let answer = match status {
        401 | 403 => answer.header(
            "WWW-Authenticate",
            text_header("Which authentication is needed, and what was wrong (RFC 6750 section 3)"),
        ),
        409 | 429 | 503 => {
            let description = "After how many seconds to try again (RFC 9110 section 10.2.3)";
            answer.header("Retry-After", seconds_header(description))
        }
        _ => answer,
    };
    answer.build()
}
