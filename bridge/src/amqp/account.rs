//! The account of a connection.

use super::AmqpError;
use super::link::Link;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel};

/// A queue that does not exist: RabbitMQ drops what is published to it.
const NOWHERE: &str = "connectivity-bridge.account";

/// Selects publisher confirms, and finds out whether RabbitMQ knows a connection by this account. It
/// refuses a message whose `user_id` is another one, as with an account of a certificate or a token.
pub(super) async fn confirm(link: &Link, account: &str) -> Result<(), AmqpError> {
    if link.account.get().is_some() {
        return Ok(());
    }
    let confirmed = match link.answer_unless_blocked(confirmed(link, account)).await {
        Ok(()) => Some(account.to_owned()),
        Err(AmqpError::Lost(error)) if error.is_amqp_soft_error() => {
            tracing::warn!(
                "RabbitMQ does not know this connection by the user name of RABBITMQ_URL: headers of the bridge are \
                 believed in messages of every account"
            );
            None
        }
        Err(error) => return Err(error),
    };
    link.account.get_or_init(|| confirmed);
    Ok(())
}

/// RabbitMQ closes the channel of a refused message, so this has one of its own.
async fn confirmed(link: &Link, account: &str) -> lapin::Result<()> {
    link.channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let channel = link.connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    publish_nowhere(&channel, BasicProperties::default().with_user_id(account.into())).await?;
    channel.close(200, "done".into()).await
}

/// Publishes a message that no queue gets. This shows whether RabbitMQ accepts messages: it blocks a
/// connection during an alarm only when it publishes.
pub(super) async fn publish_nowhere(channel: &Channel, properties: BasicProperties) -> lapin::Result<()> {
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), NOWHERE.into(), options, &[], properties).await?.await.map(drop)
}
