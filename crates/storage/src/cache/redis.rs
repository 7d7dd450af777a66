//! Redis through the host. Several commands that belong together are one script: one round trip.

use super::error::CacheDown;
use super::guard::{GuardAnswer, GuardQuery};
use super::keys;
use super::revocation::Revocation;
use super::script::{self, Script};
use connectivity_domain::time::Timestamp;
use connectivity_runtime::metrics::Batch;
use connectivity_runtime::random;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One server and its connection. It holds a secret, and so has no `Debug`.
pub(super) struct Server {
    address: String,
    /// The host multiplexes, so one connection serves all requests of the instance.
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

    pub(super) async fn put(&self, key: &str, value: &str, lifetime: Duration) -> Result<(), CacheDown> {
        self.execute("SET", vec![text(key), text(value), text("PX"), milliseconds(lifetime)]).await.map(|_| ())
    }

    pub(super) async fn compare_and_set(
        &self,
        key: &str,
        old: Option<&str>,
        new: &str,
        lifetime: Duration,
    ) -> Result<bool, CacheDown> {
        let arguments = vec![text(old.unwrap_or_default()), text(new), milliseconds(lifetime)];
        let answer = self.run(&script::COMPARE_AND_SET, &[key], arguments).await?;
        Ok(matches!(answer[..], [RedisResult::Int64(1)]))
    }

    pub(super) async fn guard(&self, query: &GuardQuery<'_>) -> Result<GuardAnswer, CacheDown> {
        let session = query.session.map(|session| format!("{}{session}", keys::REVOKED));
        let session = session.as_deref().unwrap_or(keys::NONE);
        let (counter, arguments) = match &query.hit {
            Some(hit) => (hit.key.as_str(), vec![milliseconds(hit.window_left), number(hit.calls), number(hit.limit)]),
            None => (keys::NONE, Vec::new()),
        };
        match self.run(&script::GUARD, &[session, counter, keys::COMPLETE], arguments).await?[..] {
            [RedisResult::Int64(0), RedisResult::Int64(taken)] => Ok(GuardAnswer::Taken(taken.unsigned_abs())),
            [RedisResult::Int64(1), _] => Ok(GuardAnswer::Revoked),
            [RedisResult::Int64(2), _] => Ok(GuardAnswer::Unknown { load: self.lock_revocations().await? }),
            _ => Err(CacheDown("the script returned something else".into())),
        }
    }

    /// Tries to take the lock of the revocations. Returns its value, or `None` if another request
    /// has it.
    async fn lock_revocations(&self) -> Result<Option<String>, CacheDown> {
        let name = random().to_string();
        let (key, lifetime) = (text(keys::LOADING), milliseconds(keys::LOADING_LIFETIME));
        let answer = self.execute("SET", vec![key, text(&name), text("NX"), text("PX"), lifetime]).await?;
        Ok(matches!(answer[..], [RedisResult::Status(_)]).then_some(name))
    }

    pub(super) async fn put_revocations(
        &self,
        load: Option<&str>,
        revocations: &[Revocation],
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        let mut arguments = vec![text(load.unwrap_or_default()), milliseconds(keys::COMPLETE_LIFETIME)];
        arguments.extend(revocations.iter().map(|revocation| milliseconds(revocation.lifetime(now))));
        let revoked: Vec<_> = revocations.iter().map(|it| format!("{}{}", keys::REVOKED, it.session)).collect();
        let declared: Vec<_> =
            [keys::COMPLETE, keys::LOADING].into_iter().chain(revoked.iter().map(String::as_str)).collect();
        let answer = self.run(&script::REVOKE, &declared, arguments).await?;
        Ok(matches!(answer[..], [RedisResult::Int64(1)]))
    }

    pub(super) async fn add_counts(&self, batch: &Batch) -> Result<(), CacheDown> {
        let lines: Vec<_> = batch.counts.iter().map(|(name, count)| format!("{name}\t{count}\n")).collect();
        let last = format!("{}{}", keys::BATCH, batch.instance);
        let arguments =
            vec![text(&batch.number.to_string()), milliseconds(keys::BATCH_LIFETIME), text(&lines.concat())];
        self.run(&script::ADD_COUNTS, &[keys::COUNTS, &last], arguments).await.map(|_| ())
    }

    pub(super) async fn counts(&self) -> Result<Vec<(String, u64)>, CacheDown> {
        let flat = self.execute("HGETALL", vec![text(keys::COUNTS)]).await?;
        let pairs = flat.chunks(2).filter_map(|pair| match pair {
            [RedisResult::Binary(name), RedisResult::Binary(count)] => {
                let count = String::from_utf8_lossy(count).parse().ok()?;
                Some((String::from_utf8_lossy(name).into_owned(), count))
            }
            _ => None,
        });
        Ok(pairs.collect())
    }

    /// Runs a script by its name. A server that does not have it, because it is new or was
    /// restarted, runs nothing and says so; then the text is sent.
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
        self.checked(answer)
    }

    async fn execute(&self, command: &str, arguments: Vec<RedisParameter>) -> Result<Vec<RedisResult>, CacheDown> {
        let answer = self.connection().await?.execute(command, arguments).await;
        self.checked(answer)
    }

    /// Gives the connection up if it failed, so that the next call opens a new one. A connection on
    /// which the server refused a command works.
    fn checked<T>(&self, answer: Result<T, Error>) -> Result<T, CacheDown> {
        answer.map_err(|error| {
            if !is_refusal(&error) {
                self.give_up_connection();
            }
            down(&error)
        })
    }

    /// Has the next call open a new connection. Calls in progress keep theirs.
    pub(super) fn give_up_connection(&self) {
        self.held().take();
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

fn number(number: u64) -> RedisParameter {
    RedisParameter::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

fn milliseconds(duration: Duration) -> RedisParameter {
    RedisParameter::Int64(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1))
}

/// Redis's error code is `NOSCRIPT`; drivers write it in their own way.
fn is_unknown_script(error: &Error) -> bool {
    matches!(error, Error::Other(cause) if cause.to_ascii_lowercase().contains("noscript"))
}

/// The errors with which Redis refuses a command and keeps the connection, in lower case. Drivers
/// write them in their own way: `"OOM": command not allowed`, `ReadOnly: You can't write`, `An error
/// was signalled by the server - CrossSlot: …`.
const REFUSALS: [&str; 15] = [
    "busy",
    "clusterdown",
    "crossslot",
    "execabort",
    "\"err\"",
    "loading",
    "masterdown",
    "misconf",
    "noperm",
    "noreplicas",
    "noscript",
    "oom",
    "readonly",
    "responseerror",
    "wrongtype",
];

/// Returns whether the server answered, and refused a command.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::TypeError => true,
        Error::InvalidAddress | Error::TooManyConnections => false,
        Error::Other(cause) => {
            let cause = cause.to_ascii_lowercase();
            // The code stands before the first colon, after what some drivers put before it.
            let code = cause.split(": ").next().unwrap_or_default();
            REFUSALS.iter().any(|it| code.contains(it))
        }
    }
}

fn down(error: &Error) -> CacheDown {
    CacheDown(match error {
        Error::InvalidAddress => "the address is invalid".into(),
        Error::TooManyConnections => "too many connections".into(),
        Error::TypeError => "the answer has an unexpected type".into(),
        Error::Other(cause) => cause.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_the_server_differs_from_a_broken_connection() {
        for cause in [
            "\"OOM\": command not allowed when used memory > 'maxmemory'.",
            "ReadOnly: You can't write against a read only replica.",
            "An error was signalled by the server - CrossSlot: Keys in request don't hash to the same slot",
            "NoPerm: User default has no permissions to access one of the keys",
            "\"MISCONF\": Errors writing to the RDB file",
            "BusyLoadingError: Redis is loading the dataset in memory",
            "ResponseError: unknown command",
        ] {
            assert!(is_refusal(&Error::Other(cause.into())), "{cause}");
        }
        for cause in [
            "broken pipe",
            "Connection reset by peer (os error 104)",
            "Connection refused (os error 111)",
            "driver unexpectedly terminated - FatalReceiveError: the loop ended",
            "unexpected end of file",
        ] {
            assert!(!is_refusal(&Error::Other(cause.into())), "{cause}");
        }
    }
}
