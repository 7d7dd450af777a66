//! wasmtime: the engine, the linker, the state of an instance, and how instances are used again.

use crate::application::Limits;
use crate::bindings;
use crate::interfaces::HostData;
use crate::outbound_http::OutboundHttp;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use wasmtime::component::{Component, GuestTaskId, Linker, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Engine, Result, Store, StoreContextMut, Trap, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// How often the epoch advances: how often a component that computes is looked at.
const EPOCH: Duration = Duration::from_millis(20);

/// How long an instance may go on after a request of its took too long.
const AFTERMATH: Duration = Duration::from_secs(1);

/// What one component may use, shared by all its instances.
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) http: OutboundHttp,
    /// Name to file of the SQLite databases.
    pub(crate) databases: BTreeMap<String, PathBuf>,
    /// Name to file of the key-value stores.
    pub(crate) stores: BTreeMap<String, PathBuf>,
}

/// What one instance has.
pub(crate) struct State {
    pub(crate) grant: Arc<Grant>,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
    busy: Busy,
}

/// Since when an instance has been computing.
struct Busy {
    since: Instant,
    /// It has waited for something since it was last looked at.
    paused: Arc<AtomicBool>,
}

impl Busy {
    /// It is computing now: for how long without a pause?
    fn seen(&mut self, now: Instant) -> Duration {
        if self.paused.swap(false, Ordering::Relaxed) {
            self.since = now;
        }
        now.duration_since(self.since)
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

/// An engine whose compiled components are kept under `cache`.
pub(crate) fn engine(cache: &Path) -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    let mut kept = CacheConfig::new();
    kept.with_directory(cache);
    config.cache(Some(Cache::new(kept)?));
    let engine = Engine::new(&config)?;
    let ticking = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = ticking.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    });
    Ok(engine)
}

/// Compiles a component (or finds it compiled) and links what it imports.
pub(crate) fn prepare(engine: &Engine, bytes: &[u8]) -> Result<ProxyPre<State>> {
    let component = Component::new(engine, bytes)?;
    let mut linker: Linker<State> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::Host_::add_to_linker::<_, HostData>(&mut linker, |state| state)?;
    Ok(ProxyPre::P3(ServicePre::new(linker.instantiate_pre(&component)?)?))
}

/// Makes instances of one component.
pub(crate) struct Instances {
    pub(crate) engine: Engine,
    pub(crate) pre: ProxyPre<State>,
    pub(crate) grant: Arc<Grant>,
    pub(crate) limits: Limits,
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> Result<Instance<State, Expiration, Reuse>> {
        let paused = Arc::new(AtomicBool::new(true));
        let state = State {
            grant: Arc::clone(&self.grant),
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().inherit_stdout().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
            outbound: self.grant.http.clone(),
            busy: Busy { since: Instant::now(), paused: Arc::clone(&paused) },
        };
        let mut store = Store::new(&self.engine, state);
        let most = self.limits.max_busy;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut store| {
            let is_busy = store.data_mut().busy.seen(Instant::now()) > most;
            if is_busy { Err(Trap::Interrupt.into()) } else { Ok(UpdateDeadline::Continue(1)) }
        });
        let Proxy::P3(service) = self.pre.instantiate_async(&mut store).await?;
        let expiration =
            Expiration { limits: self.limits, sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), paused };
        let state = Reuse { limits: self.limits, id: self.grant.id.clone() };
        Ok(Instance { store, proxy: Proxy::P3(service), view: State::http, expiration, state })
    }
}

/// When an instance goes: idle for too long, or a request took too long.
pub(crate) struct Expiration {
    limits: Limits,
    sleep: Pin<Box<Sleep>>,
    paused: Arc<AtomicBool>,
}

impl WorkerExpiration for Expiration {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        let this = self.get_mut();
        // It is asked only when nothing of the instance can go on.
        this.paused.store(true, Ordering::Relaxed);
        let limit = match status {
            WorkerStatus::Idle => this.limits.idle_timeout,
            // By then the request's own limit has told its caller.
            WorkerStatus::Requests | WorkerStatus::PostReturn => this.limits.request_timeout + AFTERMATH,
        };
        let deadline = (since + limit).into();
        if this.sleep.deadline() != deadline {
            this.sleep.as_mut().reset(deadline);
        }
        this.sleep.as_mut().poll(context)
    }
}

/// How often an instance is used.
pub(crate) struct Reuse {
    limits: Limits,
    id: String,
}

impl WorkerState for Reuse {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.limits.reuse {
            ShouldAccept::Never
        } else if concurrent >= self.limits.concurrent_reuse {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        // One request after the other is no endless one.
        store.data_mut().busy.since = Instant::now();
        Box::pin(tokio::time::sleep(self.limits.request_timeout))
    }

    fn drop(&self, store: Store<State>, result: Result<()>) {
        if let Err(error) = result {
            eprintln!("connectivity-host: an instance of {} failed: {error:#}", self.id);
        }
        drop(store);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_computing_without_a_pause_is_busy() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let paused = Arc::new(AtomicBool::new(false));
        let mut busy = Busy { since: start, paused: Arc::clone(&paused) };
        assert_eq!(busy.seen(at(50)), Duration::from_millis(50));
        assert_eq!(busy.seen(at(4_000)), Duration::from_secs(4), "however seldom it is looked at");
        paused.store(true, Ordering::Relaxed);
        assert_eq!(busy.seen(at(4_010)), Duration::ZERO, "it waited");
        assert_eq!(busy.seen(at(4_030)), Duration::from_millis(20));
    }
}
