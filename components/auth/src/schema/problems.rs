//! The problems of each route.

use connectivity_domain::problem::ProblemKind as Kind;
use connectivity_edge::openapi::RouteProblems;

pub(crate) struct ObtainProblems;

impl RouteProblems for ObtainProblems {
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

pub(crate) struct UseTokenProblems;

impl RouteProblems for UseTokenProblems {
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

pub(crate) struct GrantProblems;

impl RouteProblems for GrantProblems {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] =
        &[Kind::PayloadTooLarge, Kind::TooManyRequests, Kind::StorageUnavailable, Kind::NotReady];
}

pub(crate) struct AskAboutTokenProblems;

impl RouteProblems for AskAboutTokenProblems {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] =
        &[Kind::InvalidToken, Kind::PayloadTooLarge, Kind::TooManyRequests, Kind::StorageUnavailable, Kind::NotReady];
}

pub(crate) struct DiscoverProblems;

impl RouteProblems for DiscoverProblems {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] = &[Kind::NotReady];
}

pub(crate) struct MetadataProblems;

impl RouteProblems for MetadataProblems {
    const GUARDED: bool = false;
    const KINDS: &'static [Kind] = &[Kind::NotFound, Kind::NotReady];
}

pub(crate) struct ListProblems;

impl RouteProblems for ListProblems {
    const KINDS: &'static [Kind] = &[];
}

pub(crate) struct FindProblems;

impl RouteProblems for FindProblems {
    const KINDS: &'static [Kind] = &[Kind::NotFound];
}

pub(crate) struct CreateProblems;

impl RouteProblems for CreateProblems {
    const KINDS: &'static [Kind] =
        &[Kind::InvalidRequest, Kind::AccountExists, Kind::PayloadTooLarge, Kind::UnsupportedMediaType];
}

pub(crate) struct ChangeProblems;

impl RouteProblems for ChangeProblems {
    const KINDS: &'static [Kind] =
        &[Kind::InvalidRequest, Kind::NotFound, Kind::PayloadTooLarge, Kind::UnsupportedMediaType];
}
