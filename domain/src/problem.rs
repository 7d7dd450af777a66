//! The kinds of problems in error responses (RFC 9457): their `type`, `title` and `status`.

/// A kind of problem. Callers compare the slug, so a change of it is a breaking change of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request is malformed.
    InvalidRequest,
    /// `citizen_id` is not a valid id.
    InvalidCitizenId,
    /// A field of the document request is missing or invalid.
    InvalidDocument,
    /// The request has no access token.
    Unauthenticated,
    /// The access token is invalid or expired.
    InvalidToken,
    /// The name or the secret is wrong, or the account is disabled.
    InvalidCredentials,
    /// The access token lacks the scope.
    Forbidden,
    /// The resource does not exist.
    NotFound,
    /// The resource does not support the method.
    MethodNotAllowed,
    /// Another instance is processing the request.
    InProgress,
    /// There is already an account with this name.
    AccountExists,
    /// The request body is too long.
    PayloadTooLarge,
    /// The request body is not JSON.
    UnsupportedMediaType,
    /// The message id or idempotency key was used for a request with other content.
    MessageIdReused,
    /// The rate limit is exceeded.
    TooManyRequests,
    /// An error of this service.
    Internal,
    /// The registry gave no verdict.
    RegistryUnavailable,
    /// The registry rejected the question as invalid.
    RegistryRefused,
    /// The registry's response is not part of its contract.
    RegistryUnexpectedResponse,
    /// The database is unavailable, so there is no answer.
    StorageUnavailable,
    /// The service is not ready, for example because its settings are invalid.
    NotReady,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 21] = [
        Self::InvalidRequest,
        Self::InvalidCitizenId,
        Self::InvalidDocument,
        Self::Unauthenticated,
        Self::InvalidToken,
        Self::InvalidCredentials,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InProgress,
        Self::AccountExists,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::MessageIdReused,
        Self::TooManyRequests,
        Self::Internal,
        Self::RegistryUnavailable,
        Self::RegistryRefused,
        Self::RegistryUnexpectedResponse,
        Self::StorageUnavailable,
        Self::NotReady,
    ];

    /// Returns the HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidCitizenId | Self::InvalidDocument => 400,
            Self::Unauthenticated | Self::InvalidToken | Self::InvalidCredentials => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::InProgress | Self::AccountExists => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::MessageIdReused => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::RegistryUnavailable
            | Self::RegistryRefused
            | Self::RegistryUnexpectedResponse
            | Self::StorageUnavailable
            | Self::NotReady => 503,
        }
    }

    /// Returns the last part of the `type` URI.
    pub fn slug(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::InvalidDocument => "invalid-document",
            Self::InvalidCitizenId => "invalid-citizen-id",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidToken => "invalid-token",
            Self::InvalidCredentials => "invalid-credentials",
            Self::AccountExists => "account-exists",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::InProgress => "in-progress",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::PayloadTooLarge => "payload-too-large",
            Self::MessageIdReused => "message-id-reused",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::TooManyRequests => "too-many-requests",
            Self::Internal => "internal",
            Self::RegistryUnavailable => "registry-unavailable",
            Self::RegistryRefused => "registry-refused",
            Self::RegistryUnexpectedResponse => "registry-unexpected-response",
            Self::StorageUnavailable => "storage-unavailable",
            Self::NotReady => "not-ready",
        }
    }

    /// Returns the title: a short summary that is the same for every occurrence.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed",
            Self::InvalidDocument => "The document request is invalid",
            Self::InvalidCitizenId => "The citizen id is invalid",
            Self::Unauthenticated => "An access token is required",
            Self::InvalidToken => "The access token is invalid or expired",
            Self::InvalidCredentials => "The name or the secret is wrong",
            Self::AccountExists => "An account with this name exists",
            Self::Forbidden => "The access token lacks the required scope",
            Self::NotFound => "The resource does not exist",
            Self::InProgress => "The request is in progress",
            Self::MethodNotAllowed => "The method is not allowed",
            Self::PayloadTooLarge => "The request body is too long",
            Self::MessageIdReused => "The id was used for another request",
            Self::UnsupportedMediaType => "The request body must be JSON",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "Internal error",
            Self::RegistryUnavailable => "The registry gave no verdict",
            Self::RegistryRefused => "The registry rejected the question as invalid",
            Self::RegistryUnexpectedResponse => "The registry gave an unexpected response",
            Self::StorageUnavailable => "The database is unavailable",
            Self::NotReady => "The service is not ready",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn kinds_keep_their_slug_and_status() {
        let expected = [
            ("invalid-request", 400),
            ("invalid-citizen-id", 400),
            ("invalid-document", 400),
            ("unauthenticated", 401),
            ("invalid-token", 401),
            ("invalid-credentials", 401),
            ("forbidden", 403),
            ("not-found", 404),
            ("method-not-allowed", 405),
            ("in-progress", 409),
            ("account-exists", 409),
            ("payload-too-large", 413),
            ("unsupported-media-type", 415),
            ("message-id-reused", 422),
            ("too-many-requests", 429),
            ("internal", 500),
            ("registry-unavailable", 503),
            ("registry-refused", 503),
            ("registry-unexpected-response", 503),
            ("storage-unavailable", 503),
            ("not-ready", 503),
        ];
        assert_eq!(ProblemKind::ALL.map(|kind| (kind.slug(), kind.status())), expected);
    }

    #[test]
    fn slugs_and_titles_are_unique() {
        let slugs: HashSet<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        let titles: HashSet<_> = ProblemKind::ALL.iter().map(|kind| kind.title()).collect();
        assert_eq!((slugs.len(), titles.len()), (ProblemKind::ALL.len(), ProblemKind::ALL.len()));
    }
}
