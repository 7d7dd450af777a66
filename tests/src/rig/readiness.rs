//! The readiness of the host and of the bridge while a fault is on, beside what really succeeds.

use super::Rig;
use super::traffic::Observed;
use crate::client::Client;
use http::Request;
use http_body_util::Full;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two probes, and how long each may take.
const PAUSE: Duration = Duration::from_millis(500);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a process may say that it is ready while nothing succeeds.
const MAX_UNTRUE: Duration = Duration::from_secs(15);

/// Of which processes readiness is compared with what succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    Both,
    /// The bridge cannot publish results, for a reason that is none of its own.
    Host,
    /// Neither: the callers cannot reach the application.
    Neither,
}

/// What the probes of one process have shown.
#[derive(Clone, Copy, Debug)]
struct Side {
    began: Instant,
    /// When the process last was not ready, or its work last succeeded.
    excused: Instant,
    untrue: Duration,
    /// After how long the process first was not ready.
    unready: Option<Duration>,
}

/// The two processes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    host: Side,
    bridge: Side,
    oracle: Oracle,
}

impl Outcome {
    /// Returns which processes said for too long that they are ready.
    pub(super) fn liars(&self) -> Vec<&'static str> {
        let judged: &[_] = match self.oracle {
            Oracle::Both => &[("host", self.host), ("bridge", self.bridge)],
            Oracle::Host => &[("host", self.host)],
            Oracle::Neither => &[],
        };
        judged.iter().filter(|(_, side)| side.untrue > MAX_UNTRUE).map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show =
            |side: &Side| side.unready.map_or("200".to_owned(), |after| format!("503 after {} s", after.as_secs()));
        write!(formatter, "host {}, bridge {}", show(&self.host), show(&self.bridge))
    }
}

/// The probing task. It ends on drop.
pub(super) struct Readiness {
    outcome: Arc<Mutex<Outcome>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Readiness {
    pub(super) fn watch(rig: &Rig, oracle: Oracle) -> Self {
        let began = Instant::now();
        let side = Side { began, excused: began, untrue: Duration::ZERO, unready: None };
        let outcome = Arc::new(Mutex::new(Outcome { host: side, bridge: side, oracle }));
        let urls = [&rig.pipeline.host, &rig.pipeline.bridge].map(|process| process.url("/health/ready"));
        let task = tokio::spawn(probe(urls, rig.traffic.shared(), Arc::clone(&outcome)));
        Self { outcome, task }
    }

    pub(super) fn finish(self) -> Outcome {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn probe([host, bridge]: [String; 2], seen: Arc<Mutex<Observed>>, outcome: Arc<Mutex<Outcome>>) {
    let client = Client::default();
    loop {
        let (host, bridge) = tokio::join!(is_ready(&client, &host), is_ready(&client, &bridge));
        let (served, arrived) = {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            (seen.last_served(), seen.arrived.last().map(|event| event.at))
        };
        {
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            outcome.host.update(host, served, now);
            outcome.bridge.update(bridge, arrived, now);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Side {
    fn update(&mut self, ready: bool, succeeded: Option<Instant>, now: Instant) {
        if !ready {
            self.excused = now;
            self.unready.get_or_insert(now - self.began);
        }
        self.excused = succeeded.map_or(self.excused, |at| at.max(self.excused));
        self.untrue = self.untrue.max(now.saturating_duration_since(self.excused));
    }
}

async fn is_ready(client: &Client, url: &str) -> bool {
    let request = Request::get(url).body(Full::default()).expect("a request");
    client.try_send(request, PROBE_TIMEOUT).await.is_ok_and(|answer| answer.status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_untrue_only_while_nothing_succeeds() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut side = Side { began, excused: began, untrue: Duration::ZERO, unready: None };
        side.update(true, Some(at(1)), at(10));
        assert_eq!((side.untrue, side.unready), (Duration::from_secs(9), None));
        side.update(false, Some(at(1)), at(12));
        side.update(true, Some(at(1)), at(20));
        assert_eq!((side.untrue, side.unready), (Duration::from_secs(9), Some(Duration::from_secs(12))));
        side.update(true, Some(at(30)), at(31));
        assert_eq!(side.untrue, Duration::from_secs(9));
        side.update(true, Some(at(30)), at(50));
        assert_eq!(side.untrue, Duration::from_secs(20));
    }
}
