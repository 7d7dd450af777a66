//! Document authentication: the job that asks whether a document is authentic.

mod request;
mod url;

pub use request::{Authenticity, DocumentRequest};
pub use url::DocumentUrl;

/// The record of a document authentication (records contract, `document_authentications`).
pub type DocumentRecord = crate::job::Record<DocumentRequest>;

/// A parsed request to authenticate a document.
pub type Submission = crate::job::Submission<DocumentRequest>;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
