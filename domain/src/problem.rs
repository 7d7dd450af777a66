//! The kinds of problems a caller can meet (RFC 9457): what `type`, `title` and `status` say.

/// A kind of problem. Its slug is part of the API: it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request cannot be read.
    InvalidRequest,
    /// `citizen_id` is not one.
    InvalidCitizenId,
    /// The document is not described as it must be.
    InvalidDocument,
    /// No token came.
    Unauthenticated,
    /// The token does not hold.
    InvalidToken,
    /// Name and secret do not belong to an account.
    InvalidCredentials,
    /// The token is for something else.
    Forbidden,
    /// Nothing is here.
    NotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// Somebody else works on this request.
    InProgress,
    /// There is an account of this name.
    AccountExists,
    /// The body is too long.
    PayloadTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// This message id or idempotency key is that of another request.
    MessageIdReused,
    /// Too often.
    TooManyRequests,
    /// Ours.
    Internal,
    /// The registry gave no verdict.
    RegistryUnavailable,
    /// The registry refused the question.
    RegistryRefused,
    /// The registry's answer is not in its contract.
    RegistryUnexpectedResponse,
    /// The answer could not be recorded, so it is not given.
    StorageUnavailable,
    /// The service is not configured yet.
    NotReady,
}

impl ProblemKind {
    /// All of them.
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

    /// The HTTP status.
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

    /// The last part of the `type` URI.
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

    /// A short summary, the same for every occurrence.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request cannot be read",
            Self::InvalidDocument => "This is not a document request",
            Self::InvalidCitizenId => "This is not a citizen id",
            Self::Unauthenticated => "An access token is needed",
            Self::InvalidToken => "The token does not hold",
            Self::InvalidCredentials => "Name and secret do not belong together",
            Self::AccountExists => "The name is taken",
            Self::Forbidden => "The access token is not for this",
            Self::NotFound => "Nothing is here",
            Self::InProgress => "The request is in work",
            Self::MethodNotAllowed => "Not with this method",
            Self::PayloadTooLarge => "The body is too long",
            Self::MessageIdReused => "The id is that of another request",
            Self::UnsupportedMediaType => "The body must be JSON",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "Something went wrong here",
            Self::RegistryUnavailable => "The registry gave no verdict",
            Self::RegistryRefused => "The registry refused the question",
            Self::RegistryUnexpectedResponse => "The registry's answer cannot be understood",
            Self::StorageUnavailable => "The answer could not be recorded",
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
