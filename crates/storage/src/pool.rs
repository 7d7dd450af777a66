//! A connection pool per instance, whose waiters are served in order.
//!
//! A connection handle is never dropped while the instance lives. The host takes one lock both
//! while a connection is opened and when one is dropped; doing both at once hangs the instance and
//! every request sent to it for ever. So a broken handle is leaked with `mem::forget`, and the host
//! frees it together with the instance.

mod exchanges;

use connectivity_runtime::deadline::{timeout, timeout_at};
use connectivity_runtime::semaphore::{Permit, Semaphore};
use connectivity_runtime::spawn;
use exchanges::Exchanges;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How long work may go on after its deadline before its place in the pool is given to others. A
/// connection whose packets are dropped on the way fails only after a quarter of an hour.
const OVERDUE: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(3) };

/// The most places that are given to others in this way, in one pool. A server that hangs would
/// otherwise get one more connection every few seconds.
const MAX_OVERDUE: usize = 4;

/// Opens connections for a [`Pool`].
pub trait Connect: Send + Sync + 'static {
    /// A connection handle.
    type Connection: Send + Sync + 'static;
    /// Why a connection could not be opened.
    type Error: Send + 'static;
    /// Opens a connection.
    fn open(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;
}

/// A pool of connections. A component keeps it in a static: it holds connections, never a request's
/// data.
pub struct Pool<C: Connect> {
    connect: C,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<C::Connection>>,
    leaked: AtomicUsize,
    overdue: Arc<AtomicUsize>,
    exchanges: Mutex<Exchanges>,
}

/// A connection that was taken from a [`Pool`].
pub struct Lease<C: Connect> {
    pool: Arc<Pool<C>>,
    connection: Option<C::Connection>,
    was_idle: bool,
    place: Arc<Place>,
}

/// Why work with a connection has no result.
#[derive(Debug, PartialEq, Eq)]
pub enum PoolError<E> {
    /// No connection became free before the deadline, or none could be opened in time. The work was
    /// not begun.
    NoConnection,
    /// A new connection could not be opened. The work was not begun.
    Open(E),
    /// The work is overdue. It goes on without its caller.
    Overdue,
}

impl<C: Connect> Pool<C> {
    /// Creates a pool of at most `size` connections in use at once, besides those whose work is
    /// overdue.
    pub fn new(connect: C, size: usize) -> Arc<Self> {
        Arc::new(Self {
            connect,
            permits: Semaphore::new(size),
            idle: Mutex::new(Vec::with_capacity(size)),
            leaked: AtomicUsize::new(0),
            overdue: Arc::default(),
            exchanges: Mutex::default(),
        })
    }

    /// Waits for a permit, takes an idle connection or opens a new one, and hands it to `work`.
    ///
    /// Work that is not done at the `deadline`, or whose caller does not wait for so long and drops
    /// this future, goes on as a task of its own: a connection in the middle of a statement cannot be
    /// used for another one, and a transaction that is left open keeps its locks. Some seconds later
    /// its place is given to others. The connection stays with the work, and is used again if the
    /// work ends well.
    ///
    /// # Errors
    ///
    /// The deadline passed, or a new connection could not be opened.
    pub async fn with<T, F>(
        self: &Arc<Self>,
        deadline: Instant,
        work: impl FnOnce(Lease<C>) -> F,
    ) -> Result<T, PoolError<C::Error>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let leased = timeout_at(deadline, self.lease()).await.ok_or(PoolError::NoConnection)?;
        let lease = leased.map_err(PoolError::Open)?;
        let place = Arc::clone(&lease.place);
        let mut work = Unfinished { work: Some(Box::pin(work(lease))), place };
        timeout_at(deadline, &mut work).await.ok_or(PoolError::Overdue)
    }

    /// Waits for a permit, and takes an idle connection or opens a new one.
    async fn lease(self: &Arc<Self>) -> Result<Lease<C>, C::Error> {
        let permit = self.permits.acquire().await;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let was_idle = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect.open().await?,
        };
        let place = Arc::new(Place { permit: Mutex::new(Some(permit)), overdue: Arc::clone(&self.overdue) });
        Ok(Lease { pool: Arc::clone(self), connection: Some(connection), was_idle, place })
    }

    /// Returns what opens the connections.
    pub fn connector(&self) -> &C {
        &self.connect
    }

    #[cfg(test)]
    fn leaked(&self) -> usize {
        self.leaked.load(Ordering::Relaxed)
    }
}

/// Work with a connection. If it is dropped before its end, it goes on as a task of its own.
struct Unfinished<T: Send + 'static> {
    // As `dyn`, so that the code of the deadlines exists once.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    place: Arc<Place>,
}

impl<T: Send + 'static> Future for Unfinished<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let done = ready!(work.as_mut().poll(context));
        self.work = None;
        Poll::Ready(done)
    }
}

impl<T: Send + 'static> Drop for Unfinished<T> {
    fn drop(&mut self) {
        let Some(mut work) = self.work.take() else { return };
        let place = Arc::clone(&self.place);
        spawn(async move {
            if timeout(OVERDUE, work.as_mut()).await.is_none() {
                place.give_away();
                work.await;
            }
        });
    }
}

impl<C: Connect> Lease<C> {
    /// Returns what opens the connections of the pool.
    pub fn connector(&self) -> &C {
        &self.pool.connect
    }

    /// Returns the connection.
    pub fn connection(&self) -> Option<&C::Connection> {
        self.connection.as_ref()
    }

    /// Returns whether the connection was used before. Then it may have broken since.
    pub fn was_idle(&self) -> bool {
        self.was_idle
    }

    /// Returns whether this connection, which works but leads to a server that is of no use, may be
    /// exchanged for a new one at `now`. The pool allows one exchange a second, and fewer while
    /// exchanges do not help.
    pub fn may_exchange(&self, now: Instant) -> bool {
        self.pool.exchanges.lock().unwrap_or_else(PoisonError::into_inner).allow(now)
    }

    /// Returns a working connection to the pool.
    pub fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl<C: Connect> Drop for Lease<C> {
    /// A connection that was not given back is broken, or its user was dropped in the middle of a
    /// statement.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            std::mem::forget(connection);
            self.pool.leaked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The place of a lease in its pool: a permit, unless it was given to others because the work is
/// overdue.
struct Place {
    permit: Mutex<Option<Permit>>,
    overdue: Arc<AtomicUsize>,
}

impl Place {
    /// Gives the place to others, unless there are too many such places.
    fn give_away(&self) {
        let more = |overdue| (overdue < MAX_OVERDUE).then_some(overdue + 1);
        if self.overdue.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
            let permit = self.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(permit);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.permit.get_mut().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.overdue.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
