//! The consumer of requests.

use super::{AmqpError, in_time};
use futures_util::{Stream, StreamExt, stream};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::oneshot;

/// The tag of the consumer.
pub(super) const TAG: &str = "connectivity-bridge";

/// Tells the consumer that the first message is settled, when it is dropped.
pub(super) type Settled = oneshot::Sender<()>;

/// Consumes from a queue, at most `prefetch` unacknowledged messages at the same time, but only one
/// until the first one is settled: if a message ends the process, the others are not delivered with
/// it again and again. The stream ends with the channel and after [`cancel`].
pub(super) async fn consume(
    channel: &Channel,
    queue: &str,
    prefetch: u16,
) -> Result<impl Stream<Item = (Delivery, Option<Settled>)> + Send + use<>, AmqpError> {
    let (settled, is_settled) = oneshot::channel();
    let first = start(channel.clone(), queue.to_owned(), 1, TAG).await?;
    let mut settled = Some(settled);
    let first = received(first).map(move |delivery| (delivery, settled.take()));
    let waiting = channel.clone();
    tokio::spawn(async move {
        // An error means that the sender was dropped.
        let _ = is_settled.await;
        // If this fails, the channel is closed, and the stream has ended.
        let _ = cancel(&waiting, TAG).await;
    });
    let others = stream::once(start(channel.clone(), queue.to_owned(), prefetch, TAG));
    let others = others.filter_map(|started| {
        if let Err(error) = &started {
            tracing::warn!(cause = %error, "the consumer could not be started again");
        }
        std::future::ready(started.ok())
    });
    Ok(first.chain(others.flat_map(received).map(|delivery| (delivery, None))))
}

/// Returns the items of both streams until one of them ends.
pub(super) fn both<T: Send>(
    first: impl Stream<Item = T> + Send,
    second: impl Stream<Item = T> + Send,
) -> impl Stream<Item = T> + Send {
    let first = first.map(Some).chain(stream::once(std::future::ready(None)));
    let second = second.map(Some).chain(stream::once(std::future::ready(None)));
    stream::select(first, second).take_while(|item| std::future::ready(item.is_some())).filter_map(std::future::ready)
}

/// Starts a consumer.
pub(super) async fn start(channel: Channel, queue: String, prefetch: u16, tag: &str) -> Result<Consumer, AmqpError> {
    in_time(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let options = BasicConsumeOptions::default();
    in_time(channel.basic_consume(queue.into(), tag.into(), options, FieldTable::default())).await
}

/// Returns the deliveries of a consumer until an error ends it.
pub(super) fn received(consumer: Consumer) -> impl Stream<Item = Delivery> + Send {
    consumer
        .take_while(|delivery| std::future::ready(delivery.is_ok()))
        .filter_map(|delivery| std::future::ready(delivery.ok()))
}

/// Asks the broker for no further messages.
pub(super) async fn cancel(channel: &Channel, tag: &str) -> Result<(), AmqpError> {
    in_time(channel.basic_cancel(tag.into(), BasicCancelOptions::default())).await
}
