//! The services that the routes need.

use connectivity_domain::audit::AuditLog;
use connectivity_domain::check::{AffiliatedCache, CheckStore, HeldCheck, Registry};
use connectivity_domain::holdings::Holdings;
use connectivity_domain::time::Timestamp;
use connectivity_edge::audit::Reader;
use connectivity_edge::guard::Guard;
use connectivity_edge::retention::Kept;
use connectivity_edge::token::Caller;
use connectivity_registry::RegistryFactory;
use connectivity_runtime::request_context::RequestContext;
use http::HeaderMap;
use std::sync::Arc;

/// The implementations of the ports that the routes need.
pub(crate) trait Ports: Send + Sync + 'static {
    type Registry: Registry + 'static;
    type Store: CheckStore + Holdings<Record = HeldCheck> + 'static;
    type Affiliated: AffiliatedCache + 'static;
    type Audit: AuditLog + 'static;
}

/// The services that the routes need.
pub(crate) struct Services<P: Ports> {
    pub(crate) registry: RegistryFactory<P::Registry>,
    pub(crate) store: P::Store,
    pub(crate) affiliated: P::Affiliated,
    pub(crate) audit: P::Audit,
    pub(crate) old_records: Vec<Kept>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) affiliated_without_body: bool,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) new_id: fn() -> String,
}

impl<P: Ports> Services<P> {
    /// Returns who reads a citizen's data in a request, for the audit log.
    pub(crate) fn reader(&self, caller: Caller, headers: &HeaderMap, context: &RequestContext) -> Reader {
        Reader::new(caller.subject, &self.guard, headers, context, (self.new_id)(), (self.now)())
    }
}
