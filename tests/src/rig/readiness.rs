//! The readiness of the host and of the bridge while a fault is on, beside what really succeeds.

use super::Rig;
use super::traffic::Observed;
use crate::client::Client;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two probes, and how long each may take: as long as a kubelet waits.
const PAUSE: Duration = Duration::from_millis(500);
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a process may say that it is ready while nothing succeeds.
const MAX_UNTRUE: Duration = Duration::from_secs(15);

/// Of which processes readiness is compared with what succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    Both,
    /// The bridge cannot publish results, for a reason that is none of its own.
    Host,
    /// Neither: the callers cannot reach the application, or wait longer than the oracle allows for.
    Neither,
}

/// What a process answered to one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Ready,
    /// It is not ready, and says why.
    Unready(String),
    /// Nothing came within [`PROBE_TIMEOUT`].
    Missing,
}

/// What the probes of one process have shown.
#[derive(Clone, Debug)]
struct Side {
    began: Instant,
    /// When the process last was not ready, or its work last succeeded.
    excused: Instant,
    untrue: Duration,
    /// After how long the process first was not ready, and why.
    unready: Option<(Duration, String)>,
    /// After how long it first did not answer.
    missing: Option<Duration>,
}

/// The two processes.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    host: Side,
    bridge: Side,
    oracle: Oracle,
}

impl Outcome {
    /// Returns which processes said for too long that they are ready.
    pub(super) fn liars(&self) -> Vec<&'static str> {
        let judged: &[_] = match self.oracle {
            Oracle::Both => &[("host", &self.host), ("bridge", &self.bridge)],
            Oracle::Host => &[("host", &self.host)],
            Oracle::Neither => &[],
        };
        judged.iter().filter(|(_, side)| side.untrue > MAX_UNTRUE).map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "host {}; bridge {}", self.host, self.bridge)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unready {
            Some((after, why)) => write!(formatter, "503 after {} s ({why})", after.as_secs())?,
            None => write!(formatter, "200")?,
        }
        self.missing.map_or(Ok(()), |after| write!(formatter, ", no answer after {} s", after.as_secs()))
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
        let side = Side::new(began);
        let outcome = Arc::new(Mutex::new(Outcome { host: side.clone(), bridge: side, oracle }));
        let urls = [&rig.pipeline.host, &rig.pipeline.bridge].map(|process| process.url("/health/ready"));
        let task = tokio::spawn(probe(urls, rig.traffic.shared(), Arc::clone(&outcome)));
        Self { outcome, task }
    }

    pub(super) fn finish(self) -> Outcome {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn probe([host, bridge]: [String; 2], seen: Arc<Mutex<Observed>>, outcome: Arc<Mutex<Outcome>>) {
    let client = Client::default();
    loop {
        let (host, bridge) = tokio::join!(ask(&client, &host), ask(&client, &bridge));
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
    fn new(began: Instant) -> Self {
        Self { began, excused: began, untrue: Duration::ZERO, unready: None, missing: None }
    }

    fn update(&mut self, answer: Answer, succeeded: Option<Instant>, now: Instant) {
        let after = now - self.began;
        if answer != Answer::Ready {
            self.excused = now;
        }
        match answer {
            Answer::Ready => {}
            Answer::Unready(why) => _ = self.unready.get_or_insert((after, why)),
            Answer::Missing => _ = self.missing.get_or_insert(after),
        }
        self.excused = succeeded.map_or(self.excused, |at| at.max(self.excused));
        self.untrue = self.untrue.max(now.saturating_duration_since(self.excused));
    }
}

async fn ask(client: &Client, url: &str) -> Answer {
    let request = Request::get(url).body(Full::default()).expect("a request");
    match client.try_send(request, PROBE_TIMEOUT).await {
        Ok(answer) if answer.status == 200 => Answer::Ready,
        Ok(answer) => Answer::Unready(why(&answer.json())),
        Err(_) => Answer::Missing,
    }
}

/// Returns what is not up, by the body of a process that is not ready.
fn why(body: &Value) -> String {
    let states = [
        ("database", &body["dependencies"]["database"]["status"]),
        ("RabbitMQ", &body["rabbitmq"]),
        ("components", &body["components"]),
    ];
    let not_up = states.iter().filter_map(|(name, state)| Some(format!("{name} {}", state.as_str()?)));
    let not_up: Vec<_> = not_up.filter(|state| !state.ends_with(" up")).collect();
    if not_up.is_empty() { body["reason"].to_string() } else { not_up.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn readiness_is_untrue_only_while_nothing_succeeds() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut side = Side::new(began);
        side.update(Answer::Ready, Some(at(1)), at(10));
        assert_eq!((side.untrue, side.to_string().as_str()), (Duration::from_secs(9), "200"));
        side.update(Answer::Unready("database down".to_owned()), Some(at(1)), at(12));
        side.update(Answer::Missing, Some(at(1)), at(14));
        side.update(Answer::Ready, Some(at(1)), at(20));
        assert_eq!(side.untrue, Duration::from_secs(9));
        assert_eq!(side.to_string(), "503 after 12 s (database down), no answer after 14 s");
        side.update(Answer::Ready, Some(at(30)), at(31));
        assert_eq!(side.untrue, Duration::from_secs(9));
        side.update(Answer::Ready, Some(at(30)), at(50));
        assert_eq!(side.untrue, Duration::from_secs(20));
    }

    #[test]
    fn bodies_say_what_is_not_up() {
        let host = json!({"components": {"auth": {"status": "configured"}}, "reason": "why",
            "dependencies": {"cache": {"status": "down"}, "database": {"status": "unwritable"}}});
        assert_eq!(why(&host), "database unwritable");
        assert_eq!(why(&json!({"rabbitmq": "blocked", "components": "down"})), "RabbitMQ blocked, components down");
        assert_eq!(why(&json!({"dependencies": {"database": {"status": "up"}}, "reason": "why"})), "\"why\"");
    }
}
