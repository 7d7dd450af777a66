//! Which problems each route answers with.

use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_kit::openapi::Problems;

pub(crate) struct Obtain;

impl Problems for Obtain {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] = &[
        Kind::InvalidRequest,
        Kind::InvalidCredentials,
        Kind::PayloadTooLarge,
        Kind::UnsupportedMediaType,
        Kind::TooManyRequests,
        Kind::StorageUnavailable,
        Kind::NotReady,
    ];
}

pub(crate) struct UseToken;

impl Problems for UseToken {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] = &[
        Kind::InvalidRequest,
        Kind::InvalidToken,
        Kind::PayloadTooLarge,
        Kind::UnsupportedMediaType,
        Kind::TooManyRequests,
        Kind::StorageUnavailable,
        Kind::NotReady,
    ];
}

pub(crate) struct Grant;

impl Problems for Grant {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] =
        &[Kind::PayloadTooLarge, Kind::TooManyRequests, Kind::StorageUnavailable, Kind::NotReady];
}

pub(crate) struct AskAboutToken;

impl Problems for AskAboutToken {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] =
        &[Kind::InvalidToken, Kind::PayloadTooLarge, Kind::TooManyRequests, Kind::StorageUnavailable, Kind::NotReady];
}

pub(crate) struct Discover;

impl Problems for Discover {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] = &[Kind::NotReady];
}

pub(crate) struct Look;

impl Problems for Look {
    const KINDS: &'static [Kind] = &[];
}

pub(crate) struct Find;

impl Problems for Find {
    const KINDS: &'static [Kind] = &[Kind::NotFound];
}

pub(crate) struct Create;

impl Problems for Create {
    const KINDS: &'static [Kind] =
        &[Kind::InvalidRequest, Kind::AccountExists, Kind::PayloadTooLarge, Kind::UnsupportedMediaType];
}

pub(crate) struct Change;

impl Problems for Change {
    const KINDS: &'static [Kind] =
        &[Kind::InvalidRequest, Kind::NotFound, Kind::PayloadTooLarge, Kind::UnsupportedMediaType];
}
