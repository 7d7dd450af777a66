//! The account of a connection.

use super::link::Link;
use super::{AmqpError, in_time};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel};

/// A queue that does not exist: RabbitMQ drops what is published to it.
const NOWHERE: &str = "connectivity-bridge.account";

/// Returns the account if RabbitMQ confirms that it is that of the connection: RabbitMQ refuses a
/// message whose `user_id` is another one. It is not if the account is that of a certificate or a
/// token.
pub(super) async fn confirmed(link: &Link, account: &str) -> Result<Option<String>, AmqpError> {
    let channel = in_time(link.connection.create_channel()).await?;
    in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    let properties = BasicProperties::default().with_user_id(account.into());
    match link.answer(publish_nowhere(&channel, properties)).await {
        Ok(()) => {
            link.answer(channel.close(200, "done".into())).await?;
            Ok(Some(account.to_owned()))
        }
        Err(AmqpError::Lost(error)) if error.is_amqp_soft_error() => {
            tracing::warn!(
                "RabbitMQ does not know this connection by the user name of RABBITMQ_URL: headers of the bridge are \
                 believed in messages of every account"
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Publishes a message that no queue gets. This shows whether RabbitMQ accepts messages: it blocks a
/// connection during an alarm only when it publishes.
pub(super) async fn publish_nowhere(channel: &Channel, properties: BasicProperties) -> lapin::Result<()> {
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), NOWHERE.into(), options, &[], properties).await?.await.map(drop)
}
