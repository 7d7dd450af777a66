//! wasmtime: the engine, the linker, and how instances are created, reused and ended.

use crate::bindings;
use crate::state::{Grant, HostData, State};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use wasmtime::component::{Component, GuestTaskId, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine, Result, Store, StoreContextMut, Trap, UpdateDeadline};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, InstantiationError, Proxy, ProxyHandler, ProxyPre, Request, Response, ShouldAccept,
    WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// The interval at which wasmtime interrupts a component that computes, so that its busy time is
/// checked.
const EPOCH_INTERVAL: Duration = Duration::from_millis(20);

/// How long an instance is kept after one of its requests has timed out. By then the caller has its
/// 504.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);

/// How instances are reused, and how long they and their requests may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) reuse: usize,
    pub(crate) concurrent_reuse: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) max_busy: Duration,
    pub(crate) instances: usize,
}

/// Returns an engine that caches compiled components in `cache`.
pub(crate) fn engine(cache: &Path) -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    let mut cache_config = CacheConfig::new();
    cache_config.with_directory(cache);
    config.cache(Some(Cache::new(cache_config)?));
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH_INTERVAL);
        }
    });
    Ok(engine)
}

/// Compiles a component, or takes it from the cache, and links its imports.
pub(crate) fn prepare(engine: &Engine, bytes: &[u8]) -> Result<ProxyPre<State>> {
    let component = Component::new(engine, bytes)?;
    let mut linker: Linker<State> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::Host_::add_to_linker::<_, HostData>(&mut linker, |state| state)?;
    Ok(ProxyPre::P3(ServicePre::new(linker.instantiate_pre(&component)?)?))
}

/// How long a request waits for a new instance before it looks for room in the others again.
const INSTANCE_WAIT: Duration = Duration::from_millis(50);

/// The component has as many instances as it may have, and all of them are busy.
#[derive(Debug, thiserror::Error)]
#[error("all instances are busy (--max-instances)")]
pub(crate) struct Busy;

/// Creates the instances of one component.
pub(crate) struct Instances {
    engine: Engine,
    pre: ProxyPre<State>,
    grant: Arc<Grant>,
    limits: Limits,
    permits: Arc<Semaphore>,
}

impl Instances {
    pub(crate) fn new(engine: Engine, pre: ProxyPre<State>, grant: Arc<Grant>, limits: Limits) -> Self {
        Self { engine, pre, grant, limits, permits: Arc::new(Semaphore::new(limits.instances)) }
    }
}

/// Has a component answer a request. While all its instances are busy, the request waits, for as long
/// as it may take.
pub(crate) async fn handle(handler: &ProxyHandler<Instances>, mut request: Request) -> Result<Response> {
    let started = Instant::now();
    loop {
        let error = match handler.handle((), request).await {
            Ok(response) => return Ok(response),
            Err(error) => error.downcast::<InstantiationError<()>>()?,
        };
        if !error.error.is::<Busy>() || started.elapsed() >= handler.state().limits.request_timeout {
            return Err(error.into());
        }
        request = error.request.into_inner().unwrap_or_else(PoisonError::into_inner);
    }
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> Result<Instance<State, Expiration, Reuse>> {
        let permit = tokio::time::timeout(INSTANCE_WAIT, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| Busy)??;
        let paused = Arc::new(AtomicBool::new(true));
        let state = State::new(Arc::clone(&self.grant), Arc::clone(&paused));
        let mut store = Store::new(&self.engine, state);
        let max_busy = self.limits.max_busy;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut store| {
            let is_busy = store.data_mut().busy.elapsed(Instant::now()) > max_busy;
            if is_busy { Err(Trap::Interrupt.into()) } else { Ok(UpdateDeadline::Continue(1)) }
        });
        let Proxy::P3(service) = self.pre.instantiate_async(&mut store).await?;
        let expiration =
            Expiration { limits: self.limits, sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), paused };
        let state = Reuse { limits: self.limits, id: self.grant.id.clone(), _permit: permit };
        Ok(Instance { store, proxy: Proxy::P3(service), view: State::http, expiration, state })
    }
}

/// Ends an instance that has been idle, or busy with a request, for too long.
pub(crate) struct Expiration {
    limits: Limits,
    sleep: Pin<Box<Sleep>>,
    paused: Arc<AtomicBool>,
}

impl WorkerExpiration for Expiration {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        let this = self.get_mut();
        // wasmtime polls this only while the instance waits.
        this.paused.store(true, Ordering::Relaxed);
        let limit = match status {
            WorkerStatus::Idle => this.limits.idle_timeout,
            WorkerStatus::Requests | WorkerStatus::PostReturn => this.limits.request_timeout + TIMEOUT_GRACE,
        };
        let deadline = (since + limit).into();
        if this.sleep.deadline() != deadline {
            this.sleep.as_mut().reset(deadline);
        }
        this.sleep.as_mut().poll(context)
    }
}

/// Decides how many requests an instance serves.
pub(crate) struct Reuse {
    limits: Limits,
    id: String,
    _permit: OwnedSemaphorePermit,
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
        // An instance that serves one request right after another is not stuck.
        store.data_mut().busy.restart();
        Box::pin(tokio::time::sleep(self.limits.request_timeout))
    }

    fn drop(&self, store: Store<State>, result: Result<()>) {
        if let Err(error) = result {
            eprintln!("connectivity-host: an instance of component {} failed: {error:#}", self.id);
        }
        drop(store);
    }
}
