//! Checks over HTTP and requests over RabbitMQ, one after another, and how each of them ended.

use crate::audit::Checked;
use crate::broker::{Arrived, Broker, Names};
use crate::client::{Answer, Client, check_request, token};
use crate::pipeline::{Pipeline, request};
use crate::servers::Servers;
use bytes::Bytes;
use govcarpeta_simulator::Behaviour;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::STEADY;

/// The number of callers that check at the same time, and the pause of each between two checks.
const CALLERS: usize = 4;
const CHECK_PAUSE: Duration = Duration::from_millis(60);

/// The pause between two requests, and how long RabbitMQ may take to confirm one.
const REQUEST_PAUSE: Duration = Duration::from_millis(50);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The number of titles about whose documents the registry says that they are not authentic.
const REFUSED: usize = 2_000;

/// How a check was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    Verdict,
    /// 503, because the registry gave no verdict. The application itself works.
    NoVerdict,
    Failed,
}

/// What has happened so far.
#[derive(Clone, Default)]
pub struct Observed {
    pub checks: Vec<Checked>,
    pub served: Vec<(Instant, Served)>,
    /// When RabbitMQ confirmed a request, by its message id.
    pub acknowledged: BTreeMap<String, Instant>,
    pub arrived: Vec<Arrived>,
}

impl Observed {
    /// Returns when the components last did their work.
    pub fn last_served(&self) -> Option<Instant> {
        self.served.iter().rev().find(|(_, served)| *served != Served::Failed).map(|(at, _)| *at)
    }
}

/// The traffic on one application. It ends on drop.
pub struct Traffic {
    seen: Arc<Mutex<Observed>>,
    sending: watch::Sender<bool>,
    callers: Vec<JoinHandle<()>>,
    publisher: JoinHandle<()>,
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.callers.iter().chain([&self.publisher]).for_each(JoinHandle::abort);
    }
}

/// Returns the truth about a citizen: the simulator's answer by default.
pub(super) fn is_eligible(citizen: &str) -> bool {
    citizen.as_bytes().last().is_some_and(|digit| digit % 2 == 0)
}

/// Returns the truth about a request.
pub(super) fn right_status(id: &str) -> &'static str {
    match id.split('-').next() {
        Some("refused") => "FAILED",
        // Nobody asked about it in time.
        Some("expired") => "ERROR",
        _ => "SUCCESS",
    }
}

fn lock(seen: &Mutex<Observed>) -> MutexGuard<'_, Observed> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Traffic {
    pub(super) fn start(pipeline: &Pipeline) -> Self {
        for number in 0..REFUSED {
            pipeline.simulator.behave(&format!("refused-{number}"), Behaviour::text(204, ""));
        }
        let seen = Arc::<Mutex<Observed>>::default();
        let (sending, stopped) = watch::channel(true);
        let url = format!("http://{}/api/v1/affiliation/check/", pipeline.links().callers.address());
        let callers = (0..CALLERS).map(|caller| {
            let calls = call(url.clone(), caller, Arc::clone(&seen), stopped.clone());
            tokio::spawn(calls)
        });
        let publishing = publish(pipeline.servers.clone(), pipeline.names.clone(), Arc::clone(&seen), stopped.clone());
        Self { callers: callers.collect(), publisher: tokio::spawn(publishing), seen, sending }
    }

    pub fn seen(&self) -> Observed {
        lock(&self.seen).clone()
    }

    /// Adds a request that somebody else has published.
    pub(super) fn expect_request(&self, id: &str) {
        lock(&self.seen).acknowledged.insert(id.to_owned(), Instant::now());
    }

    pub(super) fn shared(&self) -> Arc<Mutex<Observed>> {
        Arc::clone(&self.seen)
    }

    /// Ends the checks and the requests. Results are still collected.
    pub(super) async fn stop_sending(&mut self) {
        self.sending.send_replace(false);
        for caller in self.callers.drain(..) {
            // The task ends after its last answer.
            let _ = caller.await;
        }
    }

    pub(super) async fn is_back(&self, since: Instant, limit: Duration) -> bool {
        self.back_after(since, limit).await.is_some()
    }

    /// Waits until checks and requests succeed after `since`, and returns how long they took.
    pub(super) async fn back_after(&self, since: Instant, limit: Duration) -> Option<Duration> {
        while since.elapsed() < limit {
            let seen = self.seen();
            if let (Some(checks), Some(requests)) = (checks_back(&seen, since), requests_back(&seen, since)) {
                return Some(checks.max(requests).duration_since(since));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        None
    }
}

/// Returns when the first of [`STEADY`] successful checks in a row was answered.
fn checks_back(seen: &Observed, since: Instant) -> Option<Instant> {
    let later: Vec<_> = seen.served.iter().filter(|(at, _)| *at >= since).collect();
    let row = later.windows(STEADY).find(|row| row.iter().all(|(_, served)| *served == Served::Verdict))?;
    Some(row[0].0)
}

/// Returns when the first result arrived of a request that was confirmed after `since`.
fn requests_back(seen: &Observed, since: Instant) -> Option<Instant> {
    let is_later = |event: &&Arrived| {
        let confirmed = event.body["messageId"].as_str().and_then(|id| seen.acknowledged.get(id));
        confirmed.is_some_and(|at| *at >= since)
    };
    seen.arrived.iter().find(is_later).map(|event| event.at)
}

/// Checks one citizen after another until it is stopped.
async fn call(url: String, caller: usize, seen: Arc<Mutex<Observed>>, sending: watch::Receiver<bool>) {
    let client = Client::default();
    for number in 0.. {
        if !*sending.borrow() {
            return;
        }
        let citizen = (1_000_000_000 + caller * 10_000_000 + number).to_string();
        let body = Bytes::from(format!("{{\"citizen_id\": \"{citizen}\"}}"));
        let answer = client.try_send(check_request(&url, &token(), body), ANSWER_TIMEOUT).await;
        let (eligible, served) = answer.map_or((None, Served::Failed), |answer| read(&answer));
        {
            let mut seen = lock(&seen);
            seen.checks.push(Checked { citizen, eligible });
            seen.served.push((Instant::now(), served));
        }
        tokio::time::sleep(CHECK_PAUSE).await;
    }
}

fn read(answer: &Answer) -> (Option<bool>, Served) {
    let body = answer.json();
    match (answer.status.as_u16(), body["is_eligible"].as_bool()) {
        (200, Some(eligible)) => (Some(eligible), Served::Verdict),
        (503, None) if body["type"].as_str().is_some_and(|slug| slug.contains(":registry-")) => {
            (None, Served::NoVerdict)
        }
        _ => (None, Served::Failed),
    }
}

/// Publishes one request after another, each until RabbitMQ confirms it, and collects the results.
async fn publish(servers: Servers, names: Names, seen: Arc<Mutex<Observed>>, sending: watch::Receiver<bool>) {
    let mut broker: Option<Broker> = None;
    let mut number = 0;
    loop {
        if broker.as_ref().is_none_or(|broker| !broker.is_alive()) {
            broker = connect(&servers, &names, broker).await;
        }
        if let Some(broker) = &broker {
            if *sending.borrow() {
                let kind = if number % 5 == 0 && number / 5 < REFUSED { "refused" } else { "authentic" };
                let title = format!("{kind}-{}", number / if kind == "refused" { 5 } else { 1 });
                let body = request(&title).to_string();
                let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, broker.publish(body.as_bytes(), &[])).await;
                if matches!(confirmed, Ok(Ok(true))) {
                    lock(&seen).acknowledged.insert(title, Instant::now());
                    number += 1;
                }
            }
            lock(&seen).arrived = broker.arrived();
        }
        tokio::time::sleep(REQUEST_PAUSE).await;
    }
}

/// Connects again, if RabbitMQ and the exchange are there. The results so far are kept.
async fn connect(servers: &Servers, names: &Names, before: Option<Broker>) -> Option<Broker> {
    if let Some(before) = &before {
        // If only a channel is closed, the consumer would go on to take its share of the results.
        before.close().await;
    }
    let connected = tokio::time::timeout(CONFIRM_TIMEOUT, async {
        let broker = Broker::connect_passively(servers, names).await?;
        broker.collect().await.map(|()| broker)
    });
    match connected.await {
        Ok(Ok(broker)) => {
            broker.keep(before.iter().flat_map(Broker::arrived).collect());
            Some(broker)
        }
        Ok(Err(_)) | Err(_) => before,
    }
}
