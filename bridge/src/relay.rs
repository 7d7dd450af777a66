//! The outbox: what was committed and not published by the one who got the answer. And the marks of what was.

use crate::amqp::Session;
use crate::components::{Components, Event, EventKind};
use crate::status::{Counters, Status};
use crate::trace::{Fault, Tracer};
use connectivity_domain::document::settlement::describe;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often to look.
const EVERY: Duration = Duration::from_secs(1);

/// How much to take at once.
const LIMIT: usize = 100;

/// How many publishes wait for their confirm at once.
const AT_ONCE: usize = 32;

/// How many marks go into one request.
const MARKS: usize = 200;

/// How long marks are collected.
const COLLECT: Duration = Duration::from_millis(100);

/// How often marks are told that could not be told, and how long after. Together less than the 15 s after which the relay
/// would publish the events again.
const TRIES: u32 = 6;
const AGAIN: Duration = Duration::from_secs(2);

/// Publishes what is in the outbox until the session is over.
pub(crate) async fn relay(
    session: Arc<Session>,
    components: Arc<Components>,
    status: Arc<Status>,
    published: mpsc::UnboundedSender<(EventKind, String)>,
    tracer: Tracer,
) {
    loop {
        tokio::time::sleep(EVERY).await;
        loop {
            let events = match components.lease(LIMIT).await {
                Ok(events) => events,
                Err(reply) => {
                    tracing::debug!(cause = describe(&reply), "the outbox cannot be read");
                    break;
                }
            };
            let taken = events.len();
            let sent: Vec<bool> = futures_util::stream::iter(events)
                .map(|event| send(&session, &status, &published, &tracer, event))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            if taken < LIMIT || sent.contains(&false) {
                break;
            }
        }
    }
}

async fn send(
    session: &Session,
    status: &Status,
    published: &mpsc::UnboundedSender<(EventKind, String)>,
    tracer: &Tracer,
    event: Event,
) -> bool {
    let mut message = event.message();
    let routing_key = match (event.kind, &event.routing_key) {
        (EventKind::Result, Some(routing_key)) => routing_key,
        (EventKind::Result, None) | (EventKind::Request, _) => session.requests(),
    };
    let span = tracer.send(routing_key, &message.headers);
    span.write(&mut message.headers);
    if let Err(error) = session.publish(routing_key, &message).await {
        span.fail(Some(Fault::NotPublished));
        // Its lease runs out, and it is taken again.
        tracing::warn!(cause = %error, "an event of the outbox was not published");
        return false;
    }
    Counters::count(&status.counters.relayed);
    // The one who marks lives as long as the bridge.
    let _ = published.send((event.kind, event.id));
    true
}

/// Tells the components what was published, many at a time, until all senders are gone. What cannot be told after
/// all is published again by the relay: the same event, with the same id.
pub(crate) async fn mark(components: Arc<Components>, mut published: mpsc::UnboundedReceiver<(EventKind, String)>) {
    let mut marks = Vec::new();
    while published.recv_many(&mut marks, MARKS).await > 0 {
        if marks.len() < MARKS {
            tokio::time::sleep(COLLECT).await;
            while marks.len() < MARKS {
                let Ok(mark) = published.try_recv() else { break };
                marks.push(mark);
            }
        }
        let ids = |wanted: EventKind| -> Vec<String> {
            marks.iter().filter(|(kind, _)| *kind == wanted).map(|(_, id)| id.clone()).collect()
        };
        let (results, requests) = (ids(EventKind::Result), ids(EventKind::Request));
        for attempt in 1..=TRIES {
            let Err(reply) = components.published(&results, &requests).await else { break };
            tracing::warn!(cause = describe(&reply), events = marks.len(), attempt, "published events were not marked");
            if attempt < TRIES {
                tokio::time::sleep(AGAIN).await;
            }
        }
        marks.clear();
    }
}
