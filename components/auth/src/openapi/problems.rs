//! Which problems each route answers with.

use connectivity_domain::problem::ProblemKind::{self, *};
use connectivity_kit::openapi::Problems;

pub(crate) struct Obtain;

impl Problems for Obtain {
    const KINDS: &'static [ProblemKind] = &[
        InvalidRequest,
        InvalidCredentials,
        PayloadTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        StorageUnavailable,
        NotReady,
    ];
}

pub(crate) struct UseToken;

impl Problems for UseToken {
    const KINDS: &'static [ProblemKind] = &[
        InvalidRequest,
        InvalidToken,
        PayloadTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        StorageUnavailable,
        NotReady,
    ];
}

pub(crate) struct Grant;

impl Problems for Grant {
    const KINDS: &'static [ProblemKind] = &[PayloadTooLarge, TooManyRequests, StorageUnavailable, NotReady];
}

pub(crate) struct AskAboutToken;

impl Problems for AskAboutToken {
    const KINDS: &'static [ProblemKind] =
        &[InvalidToken, PayloadTooLarge, TooManyRequests, StorageUnavailable, NotReady];
}

pub(crate) struct Discover;

impl Problems for Discover {
    const KINDS: &'static [ProblemKind] = &[NotReady];
}

pub(crate) struct Look;

impl Problems for Look {
    const KINDS: &'static [ProblemKind] =
        &[Unauthenticated, InvalidToken, Forbidden, TooManyRequests, StorageUnavailable, NotReady];
}

pub(crate) struct Find;

impl Problems for Find {
    const KINDS: &'static [ProblemKind] =
        &[Unauthenticated, InvalidToken, Forbidden, NotFound, TooManyRequests, StorageUnavailable, NotReady];
}

pub(crate) struct Create;

impl Problems for Create {
    const KINDS: &'static [ProblemKind] = &[
        InvalidRequest,
        Unauthenticated,
        InvalidToken,
        Forbidden,
        AccountExists,
        PayloadTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        StorageUnavailable,
        NotReady,
    ];
}

pub(crate) struct Change;

impl Problems for Change {
    const KINDS: &'static [ProblemKind] = &[
        InvalidRequest,
        Unauthenticated,
        InvalidToken,
        Forbidden,
        NotFound,
        PayloadTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        StorageUnavailable,
        NotReady,
    ];
}
