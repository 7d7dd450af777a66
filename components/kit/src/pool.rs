//! A few kept connections per instance, given to whoever waits longest.
//!
//! A handle is never dropped while the instance lives. The host takes one lock both while a connection is opened and
//! when one is dropped: doing both at once in one instance hangs it, and every request sent to it, for ever. A broken
//! handle is therefore set aside with `mem::forget`; the host takes it back with the instance.

use crate::runtime::semaphore::{Permit, Semaphore};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Opens connections.
pub trait Connect: Send + Sync + 'static {
    /// What is pooled.
    type Connection: Send + 'static;
    /// Why one could not be opened.
    type Error: Send + 'static;
    /// Opens one.
    fn open(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;
}

/// The pool. It lives in a static of the component and holds connections, never a request's data.
pub struct Pool<C: Connect> {
    connect: C,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<C::Connection>>,
    set_aside: AtomicUsize,
}

/// One connection, for one user at a time.
pub struct Lease<C: Connect> {
    pool: Arc<Pool<C>>,
    connection: Option<C::Connection>,
    kept: bool,
    _permit: Permit,
}

impl<C: Connect> Pool<C> {
    /// A pool of at most `size` connections at once.
    pub fn new(connect: C, size: usize) -> Arc<Self> {
        Arc::new(Self {
            connect,
            permits: Semaphore::new(size),
            idle: Mutex::new(Vec::with_capacity(size)),
            set_aside: AtomicUsize::new(0),
        })
    }

    /// A connection: a kept one if there is one, else a new one, as soon as one of the places is free.
    ///
    /// # Errors
    ///
    /// Of opening a new one.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease<C>, C::Error> {
        let permit = self.permits.acquire().await;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let kept = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect.open().await?,
        };
        Ok(Lease { pool: Arc::clone(self), connection: Some(connection), kept, _permit: permit })
    }

    /// How many handles were set aside in this instance so far.
    pub fn set_aside(&self) -> usize {
        self.set_aside.load(Ordering::Relaxed)
    }
}

impl<C: Connect> Lease<C> {
    /// The connection.
    pub fn connection(&self) -> Option<&C::Connection> {
        self.connection.as_ref()
    }

    /// Was it used before? Then it may have broken since.
    pub fn was_kept(&self) -> bool {
        self.kept
    }

    /// Puts a connection that works back for the next one.
    pub fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl<C: Connect> Drop for Lease<C> {
    /// Not given back: broken, or its user was dropped in the middle of a statement.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            std::mem::forget(connection);
            self.pool.set_aside.fetch_add(1, Ordering::Relaxed);
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
    async fn a_connection_given_back_is_used_again() {
        let pool = Pool::new(Counting::default(), 2);
        lease(&pool).await.give_back();
        let second = lease(&pool).await;
        assert!(second.was_kept());
        assert_eq!(pool.connect.opened.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_broken_one_is_set_aside_and_never_dropped() {
        let pool = Pool::new(Counting::default(), 1);
        drop(lease(&pool).await);
        assert!(!lease(&pool).await.was_kept());
        assert_eq!((pool.set_aside(), pool.connect.dropped.load(Ordering::Relaxed)), (2, 0));
    }

    #[tokio::test]
    async fn there_are_never_more_than_its_size_and_waiters_come_in_turn() {
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
