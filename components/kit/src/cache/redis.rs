//! Redis through the host. Several steps of one question are one script: one round trip.

use super::CacheDown;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One kept connection to one server. Holds a secret: no `Debug`.
pub(super) struct Server {
    address: String,
    /// The host multiplexes: one connection serves all requests of the instance.
    connection: Mutex<Option<Arc<Connection>>>,
}

/// Sets KEYS[1] to ARGV[2] for ARGV[3] ms if it is ARGV[1] (empty: absent).
const COMPARE_AND_SET: &str = "local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// Counts KEYS[1] up; it expires ARGV[1] ms after the first count.
const COUNT: &str = "local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

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
        Ok(self.script(COMPARE_AND_SET, key, arguments).await? == 1)
    }

    pub(super) async fn count(&self, key: &str, keep: Duration) -> Result<u64, CacheDown> {
        let count = self.script(COUNT, key, vec![milliseconds(keep)]).await?;
        u64::try_from(count).map_err(|_| CacheDown("a negative count".into()))
    }

    async fn script(&self, script: &str, key: &str, arguments: Vec<RedisParameter>) -> Result<i64, CacheDown> {
        let mut all = vec![text(script), text("1"), text(key)];
        all.extend(arguments);
        match self.execute("EVAL", all).await?.first() {
            Some(RedisResult::Int64(number)) => Ok(*number),
            _ => Err(CacheDown("the script answered no number".into())),
        }
    }

    async fn execute(&self, command: &str, arguments: Vec<RedisParameter>) -> Result<Vec<RedisResult>, CacheDown> {
        let connection = self.connection().await?;
        match connection.execute(command, arguments).await {
            Ok(results) => Ok(results),
            Err(error) => {
                // Whatever it was, the next question starts on a new connection.
                self.held().take();
                Err(down(&error))
            }
        }
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

fn down(error: &Error) -> CacheDown {
    CacheDown(match error {
        Error::InvalidAddress => "the address is not one".into(),
        Error::TooManyConnections => "too many connections".into(),
        Error::TypeError => "an answer of another type".into(),
        Error::Other(cause) => cause.clone(),
    })
}
