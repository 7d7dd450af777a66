//! Tells the components which events have been published.

use crate::components::Components;
use crate::event::EventKind;
use crate::job::Job;
use crate::panics::contained;
use connectivity_domain::job::settlement::describe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many marks are sent in one call.
const BATCH: usize = 200;

/// How long marks are collected before they are sent.
const COLLECT: Duration = Duration::from_millis(100);

/// How often a call is tried, and the pause between two tries. Together less than the 15 s after
/// which the relay would publish the events again.
const TRIES: u32 = 6;
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Collects the events of a job that have been published.
#[derive(Clone)]
pub(crate) struct Marks(mpsc::UnboundedSender<(EventKind, String)>);

/// The events that have to be marked.
pub(crate) struct Unmarked(mpsc::UnboundedReceiver<(EventKind, String)>);

impl Marks {
    pub(crate) fn new() -> (Self, Unmarked) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), Unmarked(receiver))
    }

    /// Adds the event of a record.
    pub(crate) fn add(&self, kind: EventKind, id: String) {
        // The receiver lives as long as the bridge.
        let _ = self.0.send((kind, id));
    }
}

impl Unmarked {
    /// Marks events until all senders are gone. An event that cannot be marked is published again
    /// by the relay, with the same message id.
    pub(crate) async fn mark(mut self, components: Arc<Components>, job: Job) {
        let mut marks = Vec::new();
        while self.0.recv_many(&mut marks, BATCH).await > 0 {
            if marks.len() < BATCH {
                tokio::time::sleep(COLLECT).await;
                while marks.len() < BATCH {
                    let Ok(mark) = self.0.try_recv() else { break };
                    marks.push(mark);
                }
            }
            let ids = |wanted: EventKind| -> Vec<String> {
                marks.iter().filter(|(kind, _)| *kind == wanted).map(|(_, id)| id.clone()).collect()
            };
            let (results, requests) = (ids(EventKind::Result), ids(EventKind::Request));
            // After a panic the relay publishes these events again.
            let _ = contained(send(&components, &job, &results, &requests)).await;
            marks.clear();
        }
    }
}

async fn send(components: &Components, job: &Job, results: &[String], requests: &[String]) {
    for attempt in 1..=TRIES {
        let Err(reply) = components.mark_published(job, results, requests).await else { return };
        let events = results.len() + requests.len();
        tracing::warn!(
            job = job.name,
            cause = describe(&reply),
            events,
            attempt,
            "published events could not be marked as published"
        );
        if attempt < TRIES {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}
