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
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use wasmtime::component::{Component, GuestTaskId, Linker, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, Engine, Result, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// How often the epoch advances: the grain of the limit on busy components.
const EPOCH: Duration = Duration::from_millis(100);

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
        let state = State {
            grant: Arc::clone(&self.grant),
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().inherit_stdout().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
            outbound: self.grant.http.clone(),
        };
        let mut store = Store::new(&self.engine, state);
        let busy = self.limits.busy_epochs(EPOCH);
        store.set_epoch_deadline(busy);
        store.epoch_deadline_trap();
        let Proxy::P3(service) = self.pre.instantiate_async(&mut store).await?;
        let expiration = Expiration { limits: self.limits, sleep: Box::pin(tokio::time::sleep(Duration::ZERO)) };
        let state = Reuse { limits: self.limits, id: self.grant.id.clone() };
        Ok(Instance { store, proxy: Proxy::P3(service), view: State::http, expiration, state })
    }
}

/// When an instance goes: idle for too long, or a request took too long.
pub(crate) struct Expiration {
    limits: Limits,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        let this = self.get_mut();
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
        store.set_epoch_deadline(self.limits.busy_epochs(EPOCH));
        Box::pin(tokio::time::sleep(self.limits.request_timeout))
    }

    fn drop(&self, store: Store<State>, result: Result<()>) {
        if let Err(error) = result {
            eprintln!("connectivity-host: an instance of {} failed: {error:#}", self.id);
        }
        drop(store);
    }
}
