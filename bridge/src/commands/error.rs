//! Why a command failed.

use crate::amqp::AmqpError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    #[error("cannot read {0}: {1}")]
    File(String, std::io::Error),
    #[error("line {0} is not a JSON object, and nothing was published")]
    Line(usize),
    #[error("{0} messages would be removed permanently: add --yes to remove them")]
    NotConfirmed(u32),
}
