//! A connection pool per instance, whose waiters are served in order.
//!
//! A connection handle is never dropped while the instance lives. The host takes one lock both
//! while a connection is opened and when one is dropped; doing both at once hangs the instance and
//! every request sent to it for ever. So a broken handle is leaked with `mem::forget`, and the host
//! frees it together with the instance.

use connectivity_runtime::semaphore::{Permit, Semaphore};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Opens connections for a [`Pool`].
pub trait Connect: Send + Sync + 'static {
    /// A connection handle.
    type Connection: Send + 'static;
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
}

/// A connection that was taken from a [`Pool`].
pub struct Lease<C: Connect> {
    pool: Arc<Pool<C>>,
    connection: Option<C::Connection>,
    was_idle: bool,
    _permit: Permit,
}

impl<C: Connect> Pool<C> {
    /// Creates a pool of at most `size` connections in use at once.
    pub fn new(connect: C, size: usize) -> Arc<Self> {
        Arc::new(Self {
            connect,
            permits: Semaphore::new(size),
            idle: Mutex::new(Vec::with_capacity(size)),
            leaked: AtomicUsize::new(0),
        })
    }

    /// Waits for a permit, and takes an idle connection or opens a new one.
    ///
    /// # Errors
    ///
    /// A new connection could not be opened.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease<C>, C::Error> {
        let permit = self.permits.acquire().await;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let was_idle = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect.open().await?,
        };
        Ok(Lease { pool: Arc::clone(self), connection: Some(connection), was_idle, _permit: permit })
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

impl<C: Connect> Lease<C> {
    /// Returns the connection.
    pub fn connection(&self) -> Option<&C::Connection> {
        self.connection.as_ref()
    }

    /// Returns whether the connection was used before. Then it may have broken since.
    pub fn was_idle(&self) -> bool {
        self.was_idle
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[derive(Default)]
    struct Counting {
        opened: AtomicUsize,
        dropped: Arc<AtomicUsize>,
    }

    struct Handle(Arc<AtomicUsize>);

    impl Drop for Handle {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Connect for Counting {
        type Connection = Handle;
        type Error = ();
        async fn open(&self) -> Result<Handle, ()> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            Ok(Handle(Arc::clone(&self.dropped)))
        }
    }

    async fn lease(pool: &Arc<Pool<Counting>>) -> Lease<Counting> {
        pool.lease().await.expect("a connection")
    }

    #[tokio::test]
    async fn connection_given_back_is_reused() {
        let pool = Pool::new(Counting::default(), 2);
        lease(&pool).await.give_back();
        let second = lease(&pool).await;
        assert!(second.was_idle());
        assert_eq!(pool.connect.opened.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn broken_connection_is_leaked_and_never_dropped() {
        let pool = Pool::new(Counting::default(), 1);
        drop(lease(&pool).await);
        assert!(!lease(&pool).await.was_idle());
        assert_eq!((pool.leaked(), pool.connect.dropped.load(Ordering::Relaxed)), (2, 0));
    }

    #[tokio::test]
    async fn size_is_never_exceeded_and_waiters_are_served_in_order() {
        let pool = Pool::new(Counting::default(), 1);
        let first = lease(&pool).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiters: Vec<_> = (0..3)
            .map(|number| {
                let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
                tokio::spawn(async move {
                    let lease = lease(&pool).await;
                    order.lock().expect("order").push(number);
                    lease.give_back();
                })
            })
            .collect();
        assert!(tokio::time::timeout(Duration::from_millis(20), pool.lease()).await.is_err());
        first.give_back();
        for waiter in waiters {
            waiter.await.expect("a waiter");
        }
        assert_eq!(*order.lock().expect("order"), [0, 1, 2]);
        assert_eq!(pool.connect.opened.load(Ordering::Relaxed), 1);
    }
}
