//! A connection with one channel.

use super::transport::{self, Line};
use super::{AmqpError, TIMEOUT, in_time};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection};
use rustls::ClientConfig;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The heartbeat in seconds, if the URL has none. A peer that is silent for twice this time is dead:
/// RabbitMQ then delivers what it has sent there to others. It advises against less than 5 s.
const HEARTBEAT: u16 = 5;

/// How long connecting may take, with TLS and the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the AMQP library is asked whether the connection is blocked, which costs nothing.
const BLOCKED_INTERVAL: Duration = Duration::from_millis(100);

/// A connection with one channel.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
    pub(super) line: Arc<Line>,
    /// The account, once RabbitMQ was asked for it: `None` if it does not confirm the account.
    pub(super) account: OnceLock<Option<String>>,
    was_blocked: AtomicBool,
}

impl Drop for Link {
    fn drop(&mut self) {
        // The library would wait for the broker to answer its close.
        self.abort();
    }
}

impl Link {
    /// Connects to RabbitMQ and opens the channel. `is_limited` bounds the bytes in progress.
    pub(super) async fn open(
        mut uri: AMQPUri,
        tls: &Arc<ClientConfig>,
        is_limited: bool,
    ) -> Result<Arc<Self>, AmqpError> {
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, transport::connect(uri, tls, is_limited)).await;
        let (connection, line) = connecting.map_err(|_| AmqpError::Timeout(CONNECT_TIMEOUT))??;
        let channel = in_time(connection.create_channel()).await.inspect_err(|_| line.abort())?;
        let (account, was_blocked) = (OnceLock::new(), AtomicBool::new(false));
        Ok(Arc::new(Self { connection, channel, line, account, was_blocked }))
    }

    /// Returns whether the connection and the channel are still open.
    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Returns whether RabbitMQ blocks the connection, because of an alarm of its memory or disk.
    /// It then reads nothing from the connection, and the AMQP library writes nothing to it.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Awaits an answer of the broker for at most [`TIMEOUT`], not counting the time in which the
    /// connection is blocked.
    pub(super) async fn answer<T>(&self, work: impl Future<Output = lapin::Result<T>>) -> Result<T, AmqpError> {
        let mut work = pin!(work);
        loop {
            let was_blocked = self.is_blocked();
            match tokio::time::timeout(TIMEOUT, &mut work).await {
                Ok(answer) => return answer.map_err(AmqpError::Lost),
                Err(_) if self.is_alive() && (was_blocked || self.is_blocked()) => self.warn(),
                Err(_) => return Err(AmqpError::Timeout(TIMEOUT)),
            }
        }
    }

    /// Like [`in_time`], but does not wait while the connection is blocked.
    pub(super) async fn answer_unless_blocked<T>(
        &self,
        work: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, AmqpError> {
        tokio::select! {
            answer = in_time(work) => answer,
            () = self.blocked() => Err(AmqpError::Blocked),
        }
    }

    /// Returns as soon as the connection is blocked.
    async fn blocked(&self) {
        while !self.is_blocked() {
            tokio::time::sleep(BLOCKED_INTERVAL).await;
        }
        self.warn();
    }

    /// Says once that the connection is blocked.
    fn warn(&self) {
        if !self.was_blocked.swap(true, Ordering::Relaxed) {
            tracing::warn!("RabbitMQ accepts no messages, because its memory or disk runs short: waiting");
        }
    }

    /// Closes the connection; unacknowledged messages return to their queue.
    pub(super) async fn close(&self) {
        if self.is_blocked() || in_time(self.connection.close(200, "done".into())).await.is_err() {
            self.abort();
        }
    }

    /// Ends the connection without asking the broker, which may be silent or not read the question.
    pub(super) fn abort(&self) {
        self.line.abort();
    }
}
