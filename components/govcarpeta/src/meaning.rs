//! The tables of the `GovCarpeta` HTTP API (registry contract, section 1): what a response means.
//!
//! The status decides, never the words of the body, which are a sentence for humans. But the registry
//! sends JSON with a 200: a 200 without it is the page of somebody else, such as the registry's hosting
//! provider during maintenance, and no verdict.

use connectivity_domain::check::Affiliation;
use connectivity_domain::document::Authenticity;
use connectivity_domain::registry::RegistryError;
use connectivity_registry_http::call::Meaning;
use connectivity_registry_http::exchange::Answer;

/// Reads a response to `GET /apis/validateCitizen/{id}`.
pub(crate) fn of_citizen_response(Answer { evidence, is_json }: Answer) -> Meaning<Affiliation> {
    match evidence.status {
        204 => Meaning::Final(Ok(Affiliation::None(evidence))),
        200 if is_json => Meaning::Final(Ok(Affiliation::Affiliated(evidence))),
        status if is_temporary(status) => Meaning::TryLater(evidence),
        400..=499 => Meaning::Final(Err(RegistryError::Refused(evidence))),
        _ => Meaning::Final(Err(RegistryError::UnexpectedResponse(evidence))),
    }
}

/// Reads a response to `PUT /apis/authenticateDocument`.
pub(crate) fn of_document_response(Answer { evidence, is_json }: Answer) -> Meaning<Authenticity> {
    match evidence.status {
        200 if is_json => Meaning::Final(Ok(Authenticity::Authenticated(evidence))),
        204 => Meaning::Final(Ok(Authenticity::Rejected(evidence))),
        status if is_temporary(status) => Meaning::TryLater(evidence),
        400..=499 => Meaning::Final(Ok(Authenticity::Rejected(evidence))),
        _ => Meaning::Final(Err(RegistryError::UnexpectedResponse(evidence))),
    }
}

/// Returns whether the same question may be answered later, unless the response is a verdict. This
/// registry answers 501 while its own database fails.
fn is_temporary(status: u16) -> bool {
    matches!(status, 200 | 408 | 425 | 429 | 500..=599)
}

#[cfg(test)]
mod tests;
