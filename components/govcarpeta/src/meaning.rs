//! The status tables of the `GovCarpeta` HTTP API (registry contract, section 1).
//!
//! The status decides what a response means, never the body: the body is a sentence for humans.

use connectivity_domain::check::Affiliation;
use connectivity_domain::document::Authenticity;
use connectivity_domain::registry::RegistryError;
use connectivity_domain::verdict::Evidence;
use connectivity_registry_http::call::Meaning;

/// Reads a response to `GET /apis/validateCitizen/{id}`.
pub(crate) fn of_citizen_response(evidence: Evidence) -> Meaning<Affiliation> {
    match evidence.status {
        204 => Meaning::Final(Ok(Affiliation::None(evidence))),
        200 => Meaning::Final(Ok(Affiliation::Affiliated(evidence))),
        status if is_temporary(status) => Meaning::TryLater(evidence),
        501 | 400..=499 => Meaning::Final(Err(RegistryError::Refused(evidence))),
        _ => Meaning::Final(Err(RegistryError::UnexpectedResponse(evidence))),
    }
}

/// Reads a response to `PUT /apis/authenticateDocument`.
pub(crate) fn of_document_response(evidence: Evidence) -> Meaning<Authenticity> {
    match evidence.status {
        200 => Meaning::Final(Ok(Authenticity::Authenticated(evidence))),
        204 | 501 => Meaning::Final(Ok(Authenticity::Rejected(evidence))),
        status if is_temporary(status) => Meaning::TryLater(evidence),
        400..=499 => Meaning::Final(Ok(Authenticity::Rejected(evidence))),
        _ => Meaning::Final(Err(RegistryError::UnexpectedResponse(evidence))),
    }
}

/// Returns whether the same question may be answered later. This registry answers 501 for wrong
/// parameters.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=599)
}

#[cfg(test)]
mod tests;
