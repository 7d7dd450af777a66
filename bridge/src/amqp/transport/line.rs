//! What the bridge and the byte stream of a connection share.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

/// How many bytes of bodies may be in progress before no more are read from the broker. The memory
/// of a bridge is bounded by it, whatever producers send.
const LIMIT: u64 = 16 * 1024 * 1024;

/// How often the library gets a heartbeat while nothing is read from the broker.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);

/// A heartbeat frame (AMQP 0-9-1 section 4.2.7).
const HEARTBEAT: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0xCE];

/// The state of one connection's byte stream.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Whether the bytes in progress are limited.
    is_limited: bool,
    in_progress: AtomicU64,
    is_aborted: AtomicBool,
    is_heartbeat_due: AtomicBool,
    reader: AtomicWaker,
}

/// The bytes of a message in progress. They are given back on drop.
#[derive(Debug)]
pub(in crate::amqp) struct Held {
    line: Arc<Line>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.line.in_progress.fetch_sub(self.bytes, Ordering::AcqRel);
        self.line.reader.wake();
    }
}

impl Line {
    pub(super) fn new(is_limited: bool) -> Arc<Self> {
        let line = Arc::new(Self { is_limited, ..Self::default() });
        if is_limited {
            let weak = Arc::downgrade(&line);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(HEARTBEAT_INTERVAL).await;
                    let Some(line) = weak.upgrade() else { break };
                    line.tick();
                }
            });
        }
        line
    }

    #[cfg(test)]
    pub(in crate::amqp) fn unlimited() -> Arc<Self> {
        Self::new(false)
    }

    /// Makes a heartbeat due.
    pub(super) fn tick(&self) {
        self.is_heartbeat_due.store(true, Ordering::Release);
        if self.is_full() {
            self.reader.wake();
        }
    }

    /// Ends the connection at once: the library reads the end of the stream. Other than a close, it
    /// does not wait for the broker.
    pub(crate) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// Takes over the bytes of a message from the byte stream, until the message is settled.
    pub(in crate::amqp) fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        Held { line: Arc::clone(self), bytes: bytes as u64 }
    }

    pub(super) fn register(&self, reader: &Waker) {
        self.reader.register(reader);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }

    /// Counts the bytes of messages that were read.
    pub(super) fn add(&self, bytes: u64) {
        self.in_progress.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Returns whether nothing more may be read now.
    pub(in crate::amqp) fn is_full(&self) -> bool {
        self.is_limited && self.in_progress.load(Ordering::Acquire) >= LIMIT
    }

    /// Returns a heartbeat if one is due. While nothing is read, the library gets these instead of
    /// the broker's, because it would otherwise close the connection.
    pub(super) fn heartbeat(&self) -> Option<[u8; 8]> {
        self.is_heartbeat_due.swap(false, Ordering::AcqRel).then_some(HEARTBEAT)
    }
}
