//! Why a command failed.

use crate::amqp::AmqpError;
use std::net::SocketAddr;

const REPEAT: &str = "The same file can be published again: a request that was published before is recognised";

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    #[error("cannot read {0}: {1}")]
    File(String, std::io::Error),
    #[error("line {line} is not UTF-8 (at byte {byte}), and nothing was published")]
    NotUtf8 { line: usize, byte: usize },
    #[error("line {line} is not a JSON object (at column {column}), and nothing was published")]
    NotAnObject { line: usize, column: usize },
    #[error("interrupted after {published} of {total} requests were published. {REPEAT}")]
    Interrupted { published: usize, total: usize },
    #[error("published {published} of {total} requests, then: {cause}. {REPEAT}")]
    NotPublished { published: usize, total: usize, cause: AmqpError },
    #[error("cannot handle signals: {0}")]
    Signals(std::io::Error),
    #[error("{0} messages would be removed permanently: add --yes to remove them")]
    NotConfirmed(u32),
    #[error("the bridge at {0} does not answer")]
    Unreachable(SocketAddr, #[source] reqwest::Error),
    #[error("the bridge is not ready: {0}")]
    NotReady(String),
}
