//! What a component may use, and what one of its instances holds. The engine creates it, the
//! interfaces work on it.

use crate::outbound_http::OutboundHttp;
use connectivity_tls::Authorities;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What one component may use, shared by all its instances.
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) http: OutboundHttp,
    /// The file of each SQLite database, by the database's name.
    pub(crate) databases: BTreeMap<String, PathBuf>,
    /// Whose certificates the servers must have.
    pub(crate) authorities: Arc<Authorities>,
}

/// The state of one instance.
pub(crate) struct State {
    pub(crate) grant: Arc<Grant>,
    /// What the guest's handles stand for.
    pub(crate) table: ResourceTable,
    pub(crate) busy: Busy,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
}

impl State {
    /// The state of a new instance. `paused` is set whenever the instance waits.
    pub(crate) fn new(grant: Arc<Grant>, paused: Arc<AtomicBool>) -> Self {
        Self {
            outbound: grant.http.clone(),
            grant,
            table: ResourceTable::new(),
            busy: Busy { since: Instant::now(), paused },
            wasi: WasiCtx::builder().inherit_stdout().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Tells wasmtime that the host functions of the `spin:*` interfaces work on [`State`].
pub(crate) struct HostData;

impl HasData for HostData {
    type Data<'a> = &'a mut State;
}

/// How long an instance has been computing without a pause.
pub(crate) struct Busy {
    since: Instant,
    /// Set when the instance has waited for something since the last look.
    paused: Arc<AtomicBool>,
}

impl Busy {
    /// Starts the measurement again, as for a new request.
    pub(crate) fn restart(&mut self) {
        self.since = Instant::now();
    }

    /// Returns how long the instance, which computes at `now`, has done so without a pause.
    pub(crate) fn elapsed(&mut self, now: Instant) -> Duration {
        if self.paused.swap(false, Ordering::Relaxed) {
            self.since = now;
        }
        now.duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_restarts_the_busy_time() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let paused = Arc::new(AtomicBool::new(false));
        let mut busy = Busy { since: start, paused: Arc::clone(&paused) };
        assert_eq!(busy.elapsed(at(50)), Duration::from_millis(50));
        assert_eq!(busy.elapsed(at(4_000)), Duration::from_secs(4), "the time between two looks counts");
        paused.store(true, Ordering::Relaxed);
        assert_eq!(busy.elapsed(at(4_010)), Duration::ZERO, "the instance waited");
        assert_eq!(busy.elapsed(at(4_030)), Duration::from_millis(20));
    }
}
