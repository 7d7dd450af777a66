//! A simulator of the GovCarpeta registry over HTTP. It is not the registry: its answers are made
//! up.
//!
//! By default a citizen id that ends in an even digit belongs to no operator (204), one that ends
//! in an odd digit is affiliated (200 with prose), and anything but 6 to 12 digits is rejected
//! (501). Every document is authentic. [`Simulator::behave`] changes the answer for one citizen or
//! document.

mod behaviour;
mod routes;

pub use behaviour::Behaviour;

use http::HeaderMap;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// A call that the simulator received.
#[derive(Clone, Debug)]
pub struct Call {
    /// The citizen's id, or the document's title.
    pub id: String,
    /// The request's headers.
    pub headers: HeaderMap,
}

/// What the handlers and the [`Simulator`] share.
#[derive(Default)]
struct State {
    behaviours: Mutex<HashMap<String, Behaviour>>,
    /// How every call is answered, instead of [`Self::behaviours`].
    all: Mutex<Option<Behaviour>>,
    latency: Duration,
    down: AtomicBool,
    calls: Mutex<Vec<Call>>,
    count: AtomicUsize,
    keeps_calls: bool,
}

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator {
    /// Starts a simulator on a free port that keeps every call for [`Simulator::calls`].
    ///
    /// # Errors
    /// The port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), Duration::ZERO, true).await
    }

    /// Starts a simulator at `address` that waits for `latency` before each answer.
    ///
    /// With `keeps_calls` every call is kept in memory for [`Simulator::calls`].
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn listen(address: SocketAddr, latency: Duration, keeps_calls: bool) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { latency, keeps_calls, ..State::default() });
        let router = routes::router(Arc::clone(&state));
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // A failure costs latency only.
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            // `serve` returns only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, state, task })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets how calls about this citizen id, or about documents with this title, are answered from
    /// now on.
    pub fn behave(&self, id: &str, behaviour: Behaviour) {
        lock(&self.state.behaviours).insert(id.to_owned(), behaviour);
    }

    /// Returns the calls about this citizen id, or about documents with this title.
    pub fn calls(&self, id: &str) -> Vec<Call> {
        lock(&self.state.calls).iter().filter(|call| call.id == id).cloned().collect()
    }

    /// Sets how every call is answered from now on; as [`Self::behave`] says if it is `None`.
    pub fn answer_all(&self, behaviour: Option<Behaviour>) {
        *lock(&self.state.all) = behaviour;
    }

    /// Sets whether every call is answered with 503.
    pub fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::Relaxed);
    }

    /// Returns the number of calls received so far.
    pub fn count(&self) -> usize {
        self.state.count.load(Ordering::Relaxed)
    }
}
