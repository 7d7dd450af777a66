//! Redis through the host. Several steps of one question are one script: one round trip.

use super::CacheDown;
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

/// Sets KEYS[1] to ARGV[2] for ARGV[3] ms if it is ARGV[1] (empty: absent).
const COMPARE_AND_SET: &str = "local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// Counts KEYS[1] up; it expires ARGV[1] ms after the first count.
const COUNT: &str = "local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

/// The whole visit. KEYS: the session's revocation, the marker, the loader's lock, the throttle, the counters.
/// ARGV: 1 what is known of the session (empty: nothing), 2 a new loader's name, 3 its time in ms, 4 the throttle's limit
/// (0: none), 5 ms left in its window, 6 the counter. Answers what was seen, and how many calls were taken.
const VISIT: &str = "local revoked = ARGV[1]
if revoked == '' then
  local held = redis.call('MGET', KEYS[1], KEYS[2])
  if held[1] then revoked = '1'
  elseif held[2] then revoked = '0'
  elseif redis.call('SET', KEYS[3], ARGV[2], 'NX', 'PX', ARGV[3]) then return {3, 0}
  else return {2, 0} end
end
local taken, outcome = 0, 'admitted'
if revoked == '1' then outcome = 'revoked'
elseif ARGV[4] ~= '0' then
  taken = redis.call('INCR', KEYS[4])
  if taken == 1 then redis.call('PEXPIRE', KEYS[4], ARGV[5]) end
  if taken > tonumber(ARGV[4]) then outcome = 'throttled' end
end
redis.call('HINCRBY', KEYS[5], ARGV[6] .. '|' .. outcome, 1)
return {tonumber(revoked), taken}";

/// Writes revocations: pairs of a key and its time in ms from ARGV[3] on. If ARGV[1] holds the loader's lock KEYS[2], they
/// are all there are: then the marker KEYS[1] is set for ARGV[2] ms.
const REVOKE: &str = "for i = 3, #ARGV, 2 do redis.call('SET', ARGV[i], '1', 'PX', ARGV[i + 1]) end
if ARGV[1] == '' or redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
return 1";

/// Adds a batch of counts to KEYS[1], lines of a name, a tab and a number in ARGV[3], unless its number ARGV[1] or a later
/// one is in KEYS[2], which is kept for ARGV[2] ms.
const ADD_COUNTS: &str = "local held = redis.call('GET', KEYS[2])
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for name, count in string.gmatch(ARGV[3], '([^\\t\\n]+)\\t(%d+)\\n') do redis.call('HINCRBY', KEYS[1], name, count) end
return 1";

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

    pub(super) async fn visit(&self, visit: &Visit<'_>) -> Result<Seen, CacheDown> {
        let (session, judged) = match visit.session {
            Session::Named(session) => (session, ""),
            Session::Judged { revoked: true } => ("", "1"),
            Session::Judged { revoked: false } => ("", "0"),
        };
        let loader = runtime::random().to_string();
        let (throttle, limit, keep) = match &visit.take {
            Some(take) => (take.key.as_str(), take.limit.to_string(), take.keep),
            None => ("", "0".to_owned(), Duration::ZERO),
        };
        let parameters = vec![
            text(VISIT),
            text("5"),
            text(&format!("{}{session}", visit::REVOKED)),
            text(visit::COMPLETE),
            text(visit::LOADING),
            text(throttle),
            text(visit::COUNTS),
            text(judged),
            text(&loader),
            milliseconds(visit::LOADING_FOR),
            text(&limit),
            milliseconds(keep),
            text(visit.counter),
        ];
        match self.execute("EVAL", parameters).await?[..] {
            [RedisResult::Int64(0), RedisResult::Int64(taken)] => Ok(Seen::Taken(taken.unsigned_abs())),
            [RedisResult::Int64(1), _] => Ok(Seen::Revoked),
            [RedisResult::Int64(2), _] => Ok(Seen::Unknown { load: None }),
            [RedisResult::Int64(3), _] => Ok(Seen::Unknown { load: Some(loader) }),
            _ => Err(CacheDown("the script answered something else".into())),
        }
    }

    pub(super) async fn put_revocations(
        &self,
        load: Option<&str>,
        revocations: &[Revocation],
        now: Timestamp,
    ) -> Result<bool, CacheDown> {
        let mut parameters = vec![text(REVOKE), text("2"), text(visit::COMPLETE), text(visit::LOADING)];
        parameters.extend([text(load.unwrap_or_default()), milliseconds(visit::COMPLETE_FOR)]);
        for revocation in revocations {
            let key = format!("{}{}", visit::REVOKED, revocation.session);
            parameters.extend([text(&key), milliseconds(revocation.keep(now))]);
        }
        let answer = self.execute("EVAL", parameters).await?;
        Ok(matches!(answer[..], [RedisResult::Int64(1)]))
    }

    pub(super) async fn add_counts(&self, batch: &Batch) -> Result<(), CacheDown> {
        let lines: Vec<_> = batch.counts.iter().map(|(name, count)| format!("{name}\t{count}\n")).collect();
        let parameters = vec![
            text(ADD_COUNTS),
            text("2"),
            text(visit::COUNTS),
            text(&format!("{}{}", visit::BATCH, batch.instance)),
            text(&batch.number.to_string()),
            milliseconds(visit::BATCH_FOR),
            text(&lines.concat()),
        ];
        self.execute("EVAL", parameters).await.map(|_| ())
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
