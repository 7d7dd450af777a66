//! The instance of a job's component.

use crate::job::Job;
use crate::services::{Services, router};
use crate::settings::JobSettings;
use connectivity_domain::job::JobRegistry;
use connectivity_edge::instance::{Component, Dependencies};
use connectivity_edge::retention::Kept;
use connectivity_registry::RegistryFactory;
use connectivity_runtime as runtime;
use connectivity_storage::cache::Cache;
use connectivity_storage::job_store::{JobTable, SqlJobStore};
use connectivity_storage::table::Table;
use std::sync::Arc;
use std::time::Duration;

/// The longest time that the two statements of a claim take.
const STATEMENTS: Duration = Duration::from_secs(10);

/// Creates the instance of a job's component. `call_timeout` is the longest time that a call of the
/// registry takes, and `registry` makes the port of the registry; the cache is for its breaker.
pub fn component<J, R>(
    settings: JobSettings,
    call_timeout: Duration,
    registry: impl FnOnce(Arc<Cache>) -> RegistryFactory<R>,
) -> Component
where
    J: Job + JobTable<Question = <J as Job>::Question>,
    R: JobRegistry<<J as Job>::Question> + 'static,
{
    let Dependencies { database, cache, guard } = Dependencies::new(J::NAME, &settings.service);
    let kept = |expiring, retention, stay| {
        let table = Table::new(Arc::clone(&database), J::STATEMENTS.table);
        Kept { table, expiring, retention, stay }
    };
    let sensitive = J::SENSITIVE.map(|expiring| kept(expiring, settings.sensitive, true));
    let old_records = sensitive.into_iter().chain([kept(J::STATEMENTS.old, settings.records, false)]).collect();
    let services = Services {
        old_records,
        registry: registry(Arc::clone(&cache)),
        store: SqlJobStore::<J>::new(Arc::clone(&database)),
        guard,
        keys: settings.keys,
        lease: call_timeout + STATEMENTS,
        requeue_after: settings.requeue_after,
        now: runtime::now,
        new_id: runtime::new_id,
    };
    Component::new(router::<J, R, SqlJobStore<J>>(services), settings.service.guard.cors, database, cache)
}
