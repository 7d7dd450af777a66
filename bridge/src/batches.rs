//! Puts deliveries together that wait at the same time.
//!
//! Nothing waits to make a batch larger: as long as few batches are in flight, a delivery leaves at
//! once, alone. What arrives meanwhile makes the next batch. A delivery that is alone has a request of
//! its own, and so has a body that is long or not text. If the request of a batch fails, each of its
//! deliveries has a request of its own, so that one of them that ends the component costs no other
//! one an attempt.

mod queue;

use crate::components::Deliver;
use crate::delivery::{self, Answer, Attempt, Delivered, HttpDelivery};
use crate::job::Job;
use crate::message::Message;
use crate::trace::{Fault, Span};
use async_trait::async_trait;
use connectivity_domain::job::MAX_TOGETHER;
use connectivity_domain::job::settlement::{Reply, describe};
use queue::Queue;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

/// The most deliveries in a batch.
const MAX_DELIVERIES: usize = MAX_TOGETHER;

/// The most bytes of all bodies in a batch. As JSON text a byte has up to six, and the components
/// read at most 1 MiB.
const MAX_BODIES: usize = 64 * 1024;

/// How long a batch counts as in flight. Deliveries do not wait longer than this for others that take
/// long.
const COUNTED: Duration = Duration::from_millis(100);

/// How many requests are sent at the same time, alone and of batches. A component may open a database
/// connection for every four (docs/deployment.md).
const MAX_REQUESTS: usize = 64;

/// Sends deliveries to the components.
#[async_trait]
pub(crate) trait Post: Send + Sync + 'static {
    /// Sends a delivery in a request of its own.
    async fn post(&self, job: &Job, delivery: &HttpDelivery) -> Answer;

    /// Sends deliveries in one request, and returns an answer for each.
    async fn post_all(&self, job: &Job, deliveries: &[Arc<HttpDelivery>]) -> Result<Vec<Answer>, Reply>;
}

/// The deliveries of a job.
pub(crate) struct Batches<P: Post>(Arc<Shared<P>>);

struct Shared<P: Post> {
    components: Arc<P>,
    job: Job,
    queue: Mutex<Queue<Waiting<P>>>,
    /// A permit for each request that may be sent.
    requests: Semaphore,
}

/// A delivery that waits, and where its caller waits for it.
struct Waiting<P: Post> {
    delivery: Arc<HttpDelivery>,
    result: oneshot::Sender<Sent<P>>,
}

/// What became of a delivery that waited.
enum Sent<P: Post> {
    /// It was sent with others.
    Together(Box<Answer>),
    /// Its caller has to send it alone, as the only one of this batch if there is one.
    Alone(Option<InFlight<P>>),
}

/// A batch in flight, until it is dropped.
struct InFlight<P: Post>(Arc<Shared<P>>);

impl<P: Post> Batches<P> {
    pub(crate) fn new(components: Arc<P>, job: Job) -> Self {
        Self(Arc::new(Shared {
            components,
            job,
            queue: Mutex::new(Queue::new()),
            requests: Semaphore::new(MAX_REQUESTS),
        }))
    }

    /// Sends a delivery, together with others that wait.
    async fn send(&self, delivery: HttpDelivery) -> Answer {
        let Self(shared) = self;
        let delivery = Arc::new(delivery);
        let sent = if delivery.body.len() <= MAX_BODIES && std::str::from_utf8(&delivery.body).is_ok() {
            let (result, sent) = oneshot::channel();
            shared.queue().add(delivery.body.len(), Waiting { delivery: Arc::clone(&delivery), result });
            shared.start();
            sent.await.unwrap_or(Sent::Alone(None))
        } else {
            Sent::Alone(None)
        };
        let alone = shared.permitted(shared.components.post(&shared.job, &delivery));
        match sent {
            Sent::Together(answer) => *answer,
            Sent::Alone(Some(in_flight)) => {
                let (answer, took) = in_flight.during(alone).await;
                shared.queue().took(took);
                answer
            }
            Sent::Alone(None) => alone.await,
        }
    }
}

impl<P: Post> Shared<P> {
    fn queue(&self) -> MutexGuard<'_, Queue<Waiting<P>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request as soon as there are few others.
    async fn permitted<T>(&self, request: impl Future<Output = T>) -> T {
        // It is not closed.
        let _permit = self.requests.acquire().await;
        request.await
    }

    /// Sends batches of what waits, as long as few of them are in flight.
    fn start(self: &Arc<Self>) {
        // Without a runtime the program is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        while self.queue().reserve() {
            let in_flight = InFlight(Arc::clone(self));
            // The batch is what waits when the task runs. It does not end with one of the callers.
            runtime.spawn(Arc::clone(self).send_batch(in_flight));
        }
    }

    async fn send_batch(self: Arc<Self>, in_flight: InFlight<P>) {
        let mut batch = self.queue().take();
        batch.retain(|waiting| !waiting.result.is_closed());
        if batch.len() < 2 {
            if let Some(Waiting { result, .. }) = batch.pop() {
                // If the caller has gone meanwhile, the next batch begins.
                let _ = result.send(Sent::Alone(Some(in_flight)));
            }
            return;
        }
        let deliveries: Vec<_> = batch.iter().map(|waiting| Arc::clone(&waiting.delivery)).collect();
        let (answers, took) = in_flight.during(self.permitted(self.components.post_all(&self.job, &deliveries))).await;
        let sent: Vec<_> = match answers {
            Ok(answers) if answers.len() == batch.len() => {
                self.queue().took(took);
                answers.into_iter().map(|answer| Sent::Together(Box::new(answer))).collect()
            }
            failed => {
                let cause = failed.map_or_else(|reply| describe(&reply), |_| "an answer is missing".to_owned());
                tracing::warn!(job = self.job.name, cause, "a batch failed, and its messages are delivered one by one");
                self.queue().failed();
                batch.iter().map(|_| Sent::Alone(None)).collect()
            }
        };
        for (Waiting { result, .. }, sent) in batch.into_iter().zip(sent) {
            // A caller that has gone needs no answer: the message will be delivered again.
            let _ = result.send(sent);
        }
    }
}

impl<P: Post> InFlight<P> {
    /// Sends a batch, and returns how long that took. If it takes long, it no longer counts.
    async fn during<T>(self, sending: impl Future<Output = T>) -> (T, Duration) {
        let started = Instant::now();
        let mut sending = pin!(sending);
        let sent = tokio::select! {
            biased;
            sent = &mut sending => {
                drop(self);
                sent
            }
            () = tokio::time::sleep(COUNTED) => {
                drop(self);
                sending.await
            }
        };
        (sent, started.elapsed())
    }
}

impl<P: Post> Drop for InFlight<P> {
    fn drop(&mut self) {
        self.0.queue().release();
        self.0.start();
    }
}

#[async_trait]
impl<P: Post> Deliver for Batches<P> {
    async fn deliver(&self, message: &Message, attempt: Attempt, span: &Span) -> Delivered {
        // The span is about one message, whatever it was sent with.
        let span = span.call(&self.0.job.delivery_path());
        let trace = span.trace().or_else(|| message.trace.clone());
        let headers = delivery::headers(message, attempt, trace.as_ref());
        let Answer { status, delivered } = self.send(HttpDelivery { headers, body: message.body.clone() }).await;
        if let Some(status) = status {
            span.set_http_status(status);
        }
        span.set_fault(Fault::from_reply(&delivered.reply));
        delivered
    }
}

#[cfg(test)]
mod tests;
