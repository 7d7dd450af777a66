//! One message, from its delivery to its settlement. What is to be done is decided by the domain; this does it.

use crate::amqp::{AmqpError, Delivery, Session};
use crate::components::{Components, Event, EventKind};
use crate::message::{ATTEMPTS, Message, Request, TROUBLES};
use crate::status::{Counters, Status};
use crate::trace::{Fault, Span, Tracer};
use connectivity_domain::document::settlement::{Reply, RetryReason, Settlement, describe, settle};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long to wait for somebody to bind a queue for results.
const UNROUTABLE: Duration = Duration::from_secs(5);

/// What every message needs.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) session: Arc<Session>,
    pub(crate) components: Arc<Components>,
    pub(crate) status: Arc<Status>,
    pub(crate) max_attempts: u32,
    /// Where published events are told, to be marked.
    pub(crate) published: mpsc::UnboundedSender<(EventKind, String)>,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) tracer: Tracer,
}

/// Why a message was left as it is: unsettled, so that the broker delivers it again.
enum Left {
    /// The bridge stops.
    Stopping,
    /// The session is over.
    Session(AmqpError),
}

impl From<AmqpError> for Left {
    fn from(error: AmqpError) -> Self {
        Self::Session(error)
    }
}

impl Worker {
    /// Works on one message. False: the session is over.
    pub(crate) async fn work(mut self, mut delivery: Delivery) -> bool {
        Counters::count(&self.status.counters.received);
        let span = self.tracer.process(&mut delivery.message);
        let (fault, goes_on) = match self.settle(&delivery.message, &span).await {
            Ok(fault) => {
                let acknowledged = delivery.acknowledge().await;
                if acknowledged {
                    Counters::count(&self.status.counters.acknowledged);
                }
                (if acknowledged { fault } else { Some(Fault::Left) }, acknowledged)
            }
            Err(Left::Stopping) => (Some(Fault::Left), true),
            Err(Left::Session(error)) => {
                tracing::warn!(cause = %error, "a message was left to be delivered again");
                (Some(Fault::Left), false)
            }
        };
        span.fail(fault);
        goes_on
    }

    /// Brings a message to where it may be acknowledged, and says what was wrong with it.
    async fn settle(&mut self, message: &Message, span: &Span) -> Result<Option<Fault>, Left> {
        let request = match message.request() {
            Ok(request) => request,
            Err(error) => {
                self.bury(message, &error.to_string(), false).await?;
                return Ok(Some(Fault::NoRequest));
            }
        };
        let last = message.number(ATTEMPTS) + 1 >= self.max_attempts;
        loop {
            let (reply, event) = self.deliver(message, &request, last, span).await?;
            let settlement = settle(&reply, message.number(TROUBLES));
            // The components are down for everybody: the message waits here, and does not go round.
            if matches!(settlement, Settlement::Retry { reason: RetryReason::ComponentsUnavailable, .. })
                && !self.status.valve.is_open()
            {
                continue;
            }
            match settlement {
                Settlement::Done => self.publish(event, span).await?,
                Settlement::DoneWithoutVerdict => {
                    self.publish(event, span).await?;
                    let reason = format!("the registry gave no verdict in {} attempts", message.number(ATTEMPTS) + 1);
                    self.bury(message, &reason, true).await?;
                }
                Settlement::DeadLetter(reason) => self.bury(message, &reason, false).await?,
                Settlement::Retry { after, reason } => {
                    let error = describe(&reply);
                    let (next, step) = match reason {
                        RetryReason::NoVerdict => (message.after(ATTEMPTS, &error), message.number(ATTEMPTS)),
                        RetryReason::ComponentsUnavailable => (message.after(TROUBLES, &error), 0),
                        RetryReason::InProgress => (message.clone(), 0),
                    };
                    self.park(&next, after, step).await?;
                }
            }
            // To wait for somebody else's work is no failure.
            return Ok(Fault::of(&reply).filter(|fault| *fault != Fault::InWork));
        }
    }

    /// Asks the components, as soon as the valve lets it.
    async fn deliver(
        &mut self,
        message: &Message,
        request: &Request,
        last: bool,
        span: &Span,
    ) -> Result<(Reply, Option<Event>), Left> {
        loop {
            if *self.stopping.borrow() {
                return Err(Left::Stopping);
            }
            match self.status.valve.pass(Instant::now()) {
                Ok(()) => break,
                Err(pause) => self.pause(pause).await,
            }
        }
        let (reply, event) = self.components.deliver(message, request, last, span).await;
        let trouble = matches!(settle(&reply, 0), Settlement::Retry { reason: RetryReason::ComponentsUnavailable, .. });
        if trouble {
            Counters::count(&self.status.counters.troubles);
            tracing::warn!(cause = describe(&reply), "the components are in trouble");
        }
        self.status.valve.report(trouble, Instant::now());
        Ok((reply, event))
    }

    async fn publish(&mut self, event: Option<Event>, span: &Span) -> Result<(), Left> {
        let Some(event) = event else { return Ok(()) };
        let routing_key = event.routing_key.clone().unwrap_or_default();
        let mut message = event.message();
        let sending = span.send(&routing_key);
        sending.write(&mut message.headers);
        if let Err(left) = self.until_routed(&routing_key, &message).await {
            sending.fail(Some(Fault::NotPublished));
            return Err(left);
        }
        Counters::count(&self.status.counters.published);
        // The one who marks lives as long as the bridge.
        let _ = self.published.send((event.kind, event.id));
        Ok(())
    }

    async fn until_routed(&mut self, routing_key: &str, message: &Message) -> Result<(), Left> {
        loop {
            match self.session.publish(routing_key, message).await {
                // Nobody wants results yet. They are worth waiting for: the request stays where it is.
                Err(error @ AmqpError::Unroutable { .. }) => {
                    tracing::error!(cause = %error, "bind a queue for results");
                    if *self.stopping.borrow() {
                        return Err(Left::Stopping);
                    }
                    self.pause(UNROUTABLE).await;
                }
                published => return Ok(published?),
            }
        }
    }

    async fn park(&self, message: &Message, after: Duration, step: u32) -> Result<(), Left> {
        let delay = self.session.delay(step).max(after);
        self.session.park(message, delay).await?;
        Counters::count(&self.status.counters.parked);
        Ok(())
    }

    async fn bury(&self, message: &Message, reason: &str, ended: bool) -> Result<(), Left> {
        self.session.bury(&message.dead(reason, ended)).await?;
        self.status.counters.buried.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(reason, "a message went to the dead-letter queue");
        Ok(())
    }

    /// Waits, unless the bridge stops.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // An error means that the one who says so is gone: the bridge stops.
            _ = self.stopping.changed() => {}
        }
    }
}
