//! What distinguishes the routes of one job from those of another.

use connectivity_domain::job::{Question, Record};
use connectivity_domain::problem::ProblemKind;
use serde::Serialize;

/// A job, as its routes show it. See the table in `bridge/src/job.rs` for the bridge's side of it.
pub trait Job: 'static {
    /// The question of the job.
    type Question: Question;

    /// A record as callers see it.
    type Shown<'a>: Serialize;

    /// The name in paths, which is also the scope of its callers: `documents`.
    const NAME: &'static str;

    /// The last part of the path to which callers submit requests: `authenticate`.
    const ACTION: &'static str;

    /// What a request is about, in the details of problems: `document`.
    const SUBJECT: &'static str;

    /// The problem of a request with a missing or invalid field.
    const INVALID_FIELD: ProblemKind;

    /// Returns a record as callers see it.
    fn shown(record: &Record<Self::Question>) -> Self::Shown<'_>;
}
