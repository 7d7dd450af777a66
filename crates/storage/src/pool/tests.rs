use super::*;
use connectivity_runtime::signal::{Signalled, signal};

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

/// Runs work that ends with the signal and gives its connection back, under a deadline of 10 ms.
async fn work_until(pool: &Arc<Pool<Counting>>, end: Signalled) -> Result<(), PoolError<()>> {
    let deadline = Instant::now() + Duration::from_millis(10);
    pool.with(deadline, move |lease| async move {
        end.wait().await;
        lease.give_back();
    })
    .await
}

/// Runs work that ends at once.
async fn work(pool: &Arc<Pool<Counting>>) -> Result<(), PoolError<()>> {
    let (end, ended) = signal();
    drop(end);
    work_until(pool, ended).await
}

/// Waits until a place is free.
async fn place_is_free(pool: &Arc<Pool<Counting>>) {
    let free = async { while work(pool).await != Ok(()) {} };
    tokio::time::timeout(Duration::from_secs(10), free).await.expect("a free place");
}

#[tokio::test]
async fn waiting_for_a_connection_ends_at_the_deadline() {
    let pool = Pool::new(Counting::default(), 1);
    let held = lease(&pool).await;
    assert_eq!(work(&pool).await, Err(PoolError::NoConnection));
    held.give_back();
    assert_eq!(work(&pool).await, Ok(()));
}

#[tokio::test]
async fn overdue_work_gives_its_place_away_but_not_its_connection() {
    let pool = Pool::new(Counting::default(), 1);
    let (end, ended) = signal();
    assert_eq!(work_until(&pool, ended).await, Err(PoolError::Overdue));
    assert_eq!(work(&pool).await, Err(PoolError::NoConnection), "it has its place for a while");
    place_is_free(&pool).await;
    let opened = || pool.connect.opened.load(Ordering::Relaxed);
    assert_eq!((opened(), pool.overdue.load(Ordering::Relaxed)), (2, 1));
    drop(end);
    while pool.overdue.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((pool.leaked(), pool.idle.lock().expect("idle").len()), (0, 2), "its connection is used again");
}

#[tokio::test]
async fn only_a_few_places_are_given_away() {
    let pool = Pool::new(Counting::default(), 1);
    let mut ends = Vec::new();
    for number in 0..=MAX_OVERDUE {
        let (end, ended) = signal();
        ends.push(end);
        assert_eq!(work_until(&pool, ended).await, Err(PoolError::Overdue), "{number}");
        if number < MAX_OVERDUE {
            place_is_free(&pool).await;
        }
    }
    tokio::time::sleep(OVERDUE * 3).await;
    assert_eq!(work(&pool).await, Err(PoolError::NoConnection), "the last place is not given away");
    drop(ends);
    place_is_free(&pool).await;
}

#[tokio::test]
async fn work_whose_caller_does_not_wait_goes_on_and_keeps_its_connection() {
    let pool = Pool::new(Counting::default(), 1);
    let (end, ended) = signal();
    let deadline = Instant::now() + Duration::from_mins(1);
    let working = pool.with(deadline, move |lease| async move {
        ended.wait().await;
        lease.give_back();
    });
    assert!(tokio::time::timeout(Duration::from_millis(5), working).await.is_err());
    drop(end);
    let again = lease(&pool).await;
    assert!(again.was_idle());
    again.give_back();
    assert_eq!((pool.leaked(), pool.connect.opened.load(Ordering::Relaxed)), (0, 1));
}
