//! Redis through the host. Several steps of one question are one script: one round trip.

use super::CacheDown;
use super::script::{self, Script};
use super::visit::{self, Seen, Session, Visit};
use crate::guard::Revocation;
use crate::metrics::Batch;
use crate::runtime;
use connectivity_domain::time::Timestamp;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One kept connection to one server. Holds a secret: no `Debug`.
pub(super) struct Server {
    address: String,
    /// The host multiplexes: one connection serves all requests of the instance.
    connection: Mutex<Option<Arc<Connection>>>,
}

impl Server {
    pub(super) fn new(address: String) -> Self {
        Self { address, connection: Mutex::new(None) }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<String>, CacheDown> {
        let results = self.execute("GET", vec![text(key)]).await?;
        Ok(match results.into_iter().next() {
            Some(RedisResult::Binary(bytes)) => String::from_utf8(bytes).ok(),
            Some(RedisResult::Status(status)) => Some(status),
            Some(RedisResult::Nil | RedisResult::Int64(_)) | None => None,
        })
    }

    pub(super) async fn put(&self, key: &str, value: &str, keep: Duration) -> Result<(), CacheDown> {
        self.execute("SET", vec![text(key), text(value), text("PX"), milliseconds(keep)]).await.map(|_| ())
    }

    pub(super) async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        keep: Duration,
    ) -> Result<bool, CacheDown> {
        let arguments = vec![text(old.unwrap_or_default()), text(new), milliseconds(keep)];
        Ok(self.number(&script::COMPARE_AND_SET, key, arguments).await? == 1)
    }

    pub(super) async fn count(&self, key: &str, keep: Duration) -> Result<u64, CacheDown> {
        let count = self.number(&script::COUNT, key, vec![milliseconds(keep)]).await?;
        u64::try_from(count).map_err(|_| CacheDown("a negative count".into()))
    }

    pub(super) async fn visit(&self, visit: &Visit<'_>) -> Result<Seen, CacheDown> {
        let session = match visit.session {
            Session::Named(session) => format!("{}{session}", visit::REVOKED),
            Session::Judged { revoked } => i32::from(revoked).to_string(),
        };
        let (throttle, limit, keep) = match &visit.take {
            Some(take) => (take.key.as_str(), take.limit.to_string(), take.keep),
            None => ("", "0".to_owned(), Duration::ZERO),
        };
        let arguments = vec![text(&limit), milliseconds(keep), text(visit.counter)];
        match self.run(&script::VISIT, &[&session, throttle], arguments).await?[..] {
            [RedisResult::Int64(0), RedisResult::Int64(taken)] => Ok(Seen::Taken(taken.unsigned_abs())),
            [RedisResult::Int64(1), _] => Ok(Seen::Revoked),
            [RedisResult::Int64(2), _] => Ok(Seen::Unknown { load: self.take_load().await? }),
            _ => Err(CacheDown("the script answered something else".into())),
        }
    }

    /// Takes it upon this request to bring the revocations, if nobody else has.
    async fn take_load(&self) -> Result<Option<String>, CacheDown> {
        let name = runtime::random().to_string();
        let (key, keep) = (text(visit::LOADING), milliseconds(visit::LOADING_FOR));
        let answer = self.execute("SET", vec![key, text(&name), text("NX"), text("PX"), keep]).await?;
        Ok(matches!(answer[..], [RedisResult::Status(_)]).then_some(name))
    }

    pub(super) async fn put_revocations(
        &self,
        load: Option<&str>,
        revocations: &[Revocation],
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        let mut arguments = vec![text(load.unwrap_or_default()), milliseconds(visit::COMPLETE_FOR)];
        for revocation in revocations {
            let key = format!("{}{}", visit::REVOKED, revocation.session);
            arguments.extend([text(&key), milliseconds(revocation.keep(now))]);
        }
        let answer = self.run(&script::REVOKE, &[visit::COMPLETE, visit::LOADING], arguments).await?;
        Ok(matches!(answer[..], [RedisResult::Int64(1)]))
    }

    pub(super) async fn add_counts(&self, batch: &Batch) -> Result<(), CacheDown> {
        let lines: Vec<_> = batch.counts.iter().map(|(name, count)| format!("{name}\t{count}\n")).collect();
        let last = format!("{}{}", visit::BATCH, batch.instance);
        let arguments = vec![text(&batch.number.to_string()), milliseconds(visit::BATCH_FOR), text(&lines.concat())];
        self.run(&script::ADD_COUNTS, &[visit::COUNTS, &last], arguments).await.map(|_| ())
    }

    pub(super) async fn counts(&self) -> Result<Vec<(String, u64)>, CacheDown> {
        let flat = self.execute("HGETALL", vec![text(visit::COUNTS)]).await?;
        let pairs = flat.chunks(2).filter_map(|pair| match pair {
            [RedisResult::Binary(name), RedisResult::Binary(count)] => {
                let count = String::from_utf8_lossy(count).parse().ok()?;
                Some((String::from_utf8_lossy(name).into_owned(), count))
            }
            _ => None,
        });
        Ok(pairs.collect())
    }

    async fn number(&self, script: &Script, key: &str, arguments: Vec<RedisParameter>) -> Result<i64, CacheDown> {
        match self.run(script, &[key], arguments).await?.first() {
            Some(RedisResult::Int64(number)) => Ok(*number),
            _ => Err(CacheDown("the script answered no number".into())),
        }
    }

    /// Runs a script by its name. A server that has not seen it yet, or has been restarted since, has done nothing and
    /// says so; it is told the text then.
    async fn run(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: Vec<RedisParameter>,
    ) -> Result<Vec<RedisResult>, CacheDown> {
        let call = |script: &str, arguments: &[RedisParameter]| {
            let count = RedisParameter::Int64(keys.len().try_into().unwrap_or(i64::MAX));
            let head = [text(script), count].into_iter().chain(keys.iter().map(|key| text(key)));
            head.chain(arguments.iter().cloned()).collect::<Vec<_>>()
        };
        let connection = self.connection().await?;
        let answer = match connection.execute("EVALSHA", call(script.name(), &arguments)).await {
            Err(error) if is_unknown_script(&error) => connection.execute("EVAL", call(script.text, &arguments)).await,
            answer => answer,
        };
        self.judge(answer)
    }

    async fn execute(&self, command: &str, arguments: Vec<RedisParameter>) -> Result<Vec<RedisResult>, CacheDown> {
        let answer = self.connection().await?.execute(command, arguments).await;
        self.judge(answer)
    }

    /// After a failure, whatever it was, the next question starts on a new connection.
    fn judge<T>(&self, answer: Result<T, Error>) -> Result<T, CacheDown> {
        answer.map_err(|error| {
            self.held().take();
            down(&error)
        })
    }

    async fn connection(&self) -> Result<Arc<Connection>, CacheDown> {
        let held = self.held().clone();
        if let Some(connection) = held {
            return Ok(connection);
        }
        let opened = Arc::new(Connection::open(&self.address).await.map_err(|error| down(&error))?);
        Ok(Arc::clone(self.held().get_or_insert(opened)))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(text: &str) -> RedisParameter {
    RedisParameter::Binary(text.as_bytes().to_vec())
}

fn milliseconds(duration: Duration) -> RedisParameter {
    RedisParameter::Int64(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1))
}

/// `NOSCRIPT` is Redis's own word; drivers write it in their own way.
fn is_unknown_script(error: &Error) -> bool {
    matches!(error, Error::Other(cause) if cause.to_ascii_lowercase().contains("noscript"))
}

fn down(error: &Error) -> CacheDown {
    CacheDown(match error {
        Error::InvalidAddress => "the address is not one".into(),
        Error::TooManyConnections => "too many connections".into(),
        Error::TypeError => "an answer of another type".into(),
        Error::Other(cause) => cause.clone(),
    })
}
