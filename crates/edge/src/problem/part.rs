//! Problems that are a part of a response.

use super::{Problem, urn};
use http::header;
use serde::Serialize;
use std::borrow::Cow;

/// A problem with a part of a request, in a response about all parts. It has no `request_id`: the
/// response has one.
// The order of the fields is that of the body of an error response.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PartialProblem))]
pub struct ProblemPart {
    /// False if the registry was not asked, because it has failed repeatedly or its settings are
    /// invalid. Missing otherwise
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    asked: Option<bool>,
    /// What is wrong with this part, and what to do next
    detail: String,
    /// The field of the request that is wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    field: Option<Cow<'static, str>>,
    /// After how many seconds to try again. Missing if trying again is of no use
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, minimum = 1))]
    retry_after: Option<u64>,
    /// The HTTP status that a request with this part alone has
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    status: u16,
    /// The kind of problem in words, the same for all problems of this type
    title: &'static str,
    #[cfg_attr(feature = "openapi", schema(schema_with = super::types))]
    r#type: String,
}

impl From<Problem> for ProblemPart {
    fn from(problem: Problem) -> Self {
        let retry_after = problem.headers.iter().find(|(name, _)| *name == header::RETRY_AFTER);
        Self {
            asked: problem.asked(),
            detail: problem.detail,
            field: problem.field,
            retry_after: retry_after.and_then(|(_, value)| value.to_str().ok()?.parse().ok()),
            status: problem.kind.status(),
            title: problem.kind.title(),
            r#type: urn(problem.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectivity_domain::problem::ProblemKind;
    use connectivity_domain::verdict::Cause;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn part_has_the_members_of_a_problem_but_the_request_id() {
        let problem = Problem::new(ProblemKind::RegistryUnavailable, "try again later")
            .without_verdict(Cause::BreakerOpen)
            .retry_after(Duration::from_millis(4_200));
        let expected = json!({
            "asked": false, "detail": "try again later", "retry_after": 5, "status": 503,
            "title": "The registry gave no verdict", "type": "urn:connectivity:problem:registry-unavailable",
        });
        assert_eq!(serde_json::to_value(ProblemPart::from(problem)).expect("JSON"), expected);
        let problem = Problem::new(ProblemKind::InvalidCitizenId, "wrong").field("citizen_ids");
        let part = serde_json::to_value(ProblemPart::from(problem)).expect("JSON");
        assert_eq!((&part["field"], part.get("retry_after")), (&json!("citizen_ids"), None));
    }
}
