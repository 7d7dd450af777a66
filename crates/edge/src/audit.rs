//! Access to citizens' data in the audit log.

use crate::guard::Guard;
use crate::problem::Problem;
use crate::rate_limit::rate_limit_key;
use connectivity_domain::audit::{Action, AuditLog, Entry};
use connectivity_domain::citizen::CitizenId;
use connectivity_domain::time::Timestamp;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use std::net::IpAddr;

/// Who asks for a citizen's data, in which request and when.
#[derive(Clone, Debug)]
pub struct Reader {
    entry_id: String,
    at: Timestamp,
    subject: String,
    address: Option<String>,
    request_id: String,
}

impl Reader {
    /// Creates the reader of a request that the guard has admitted. `entry_id` is the id of the
    /// request's entry in the audit log.
    pub fn new(
        subject: String,
        guard: &Guard,
        headers: &HeaderMap,
        context: &RequestContext,
        entry_id: String,
        at: Timestamp,
    ) -> Self {
        let address = guard.client(headers).map(|address| address.to_string());
        Self { entry_id, at, subject, address, request_id: context.request_id.clone() }
    }

    /// Adds the entry that the data of a citizen were read, before they are shown. `target` is the
    /// id of the record, if it was one.
    ///
    /// # Errors
    ///
    /// A 503: the data must not be shown.
    pub async fn note<L: AuditLog>(
        &self,
        log: &L,
        action: Action,
        citizen: &CitizenId,
        target: Option<&str>,
    ) -> Result<(), Problem> {
        Ok(log.note(&self.entry(action, citizen, target)).await?)
    }

    pub(crate) fn entry(&self, action: Action, citizen: &CitizenId, target: Option<&str>) -> Entry {
        Entry {
            id: self.entry_id.clone(),
            at: self.at,
            action,
            subject: self.subject.clone(),
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            citizen: Some(citizen.as_str().to_owned()),
            target: target.map(str::to_owned),
            outcome: 200,
        }
    }
}

/// Returns the name of a client's network, by which clients are distinguished.
pub(crate) fn client_address(client: Option<IpAddr>) -> String {
    client.map_or_else(|| "unknown".to_owned(), rate_limit_key)
}
