//! Errors of commands.

/// Why a command failed: a sentence for a terminal that says what to do.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// Returns a function that turns an error into a [`Failure`], with what was being done.
pub(crate) fn failed<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Failure {
    let what = what.into();
    move |cause| Failure(format!("{what}: {cause}"))
}
