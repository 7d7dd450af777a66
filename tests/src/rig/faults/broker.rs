//! Faults of RabbitMQ, and messages that are one.

use crate::broker::REQUESTED;
use crate::pipeline::request;
use crate::proxy::Mode;
use crate::rabbitmqctl::rabbitmqctl;
use crate::raw_publisher::{RawPublisher, text_property};
use crate::rig::Rig;
use serde_json::json;
use std::time::Duration;

/// How many bytes the large message has.
const LARGE: usize = 100 * 1024 * 1024;

/// How many times the sessions of the bridge are ended on a foreign queue, and after how many
/// deliveries that queue drops a message.
const ENDS: usize = 6;
const DELIVERIES: i64 = 3;

/// The number of the bit that says that a message has the property `message_id`.
const MESSAGE_ID: u8 = 7;

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// RabbitMQ has too little memory, and blocks those who publish.
    Block,
    CloseConnections,
    /// Deliveries are not acknowledged for longer than RabbitMQ allows.
    ConsumerTimeout,
    DeleteExchange,
    DeleteBinding,
    /// Another service declared the queue of requests, with a limit of deliveries and without a
    /// dead-letter exchange; then sessions end again and again.
    ForeignQueue,
    /// A message whose id is not UTF-8.
    Unreadable,
    Large,
    /// Requests expire while the bridge is away.
    Expired,
}

impl Action {
    pub(super) async fn begin(self, rig: &mut Rig) {
        let servers = rig.pipeline.servers.clone();
        let (broker, queue) = (&rig.pipeline.broker, rig.pipeline.names.queue.clone());
        match self {
            Self::Block => drop(rabbitmqctl(&servers, &["set_vm_memory_high_watermark", "0.00001"])),
            Self::CloseConnections => drop(rabbitmqctl(&servers, &["close_all_connections", "test"])),
            Self::ConsumerTimeout => {
                set_consumer_timeout(rig, 5_000);
                // New channels take the new settings; then nothing is answered to the bridge.
                rabbitmqctl(&servers, &["close_all_connections", "test"]);
                tokio::time::sleep(Duration::from_secs(3)).await;
                rig.pipeline.links().components.set(Mode::LoseAnswers);
            }
            Self::DeleteExchange => broker.delete_exchange().await.expect("deleted"),
            Self::DeleteBinding => broker.unbind_requests().await.expect("unbound"),
            Self::ForeignQueue => {
                rig.pipeline.bridge.kill();
                broker.delete_requests().await.expect("deleted");
                broker.declare_foreign_queue(DELIVERIES).await.expect("declared");
                rig.pipeline.restart_bridge();
                for _ in 0..ENDS {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    rig.pipeline.links().rabbitmq.close();
                }
            }
            Self::Unreadable => {
                let (body, exchange) = (request("unreadable").to_string(), &rig.pipeline.names.exchange);
                let properties = text_property(MESSAGE_ID, b"\xe9");
                RawPublisher::connect(&servers).publish(exchange, REQUESTED.as_bytes(), &properties, body.as_bytes());
            }
            Self::Large => {
                assert!(broker.publish(&vec![b'x'; LARGE], &[]).await.expect("published"));
            }
            Self::Expired => {
                // RabbitMQ drops what expires in a queue without arguments and without this policy.
                let policy = json!({"dead-letter-exchange": "", "dead-letter-routing-key": format!("{queue}.removed")});
                rabbitmqctl(&servers, &["set_policy", &queue, &format!("^{queue}$"), &policy.to_string()]);
                rig.pipeline.bridge.kill();
                for number in 0..20 {
                    let title = format!("expired-{number}");
                    assert!(
                        broker.publish_expiring(request(&title).to_string().as_bytes(), 500).await.expect("published")
                    );
                    rig.traffic.expect_request(&title);
                }
                // RabbitMQ drops what expires at the head of the queue.
                tokio::time::sleep(Duration::from_secs(5)).await;
                rig.pipeline.restart_bridge();
            }
        }
    }

    pub(super) fn end(self, rig: &Rig) {
        let servers = rig.pipeline.servers.clone();
        match self {
            Self::Block => drop(rabbitmqctl(&servers, &["set_vm_memory_high_watermark", "0.4"])),
            Self::ConsumerTimeout => {
                set_consumer_timeout(rig, 1_800_000);
                rig.pipeline.links().components.restore();
                // Only new channels take the new setting.
                rabbitmqctl(&servers, &["close_all_connections", "test"]);
            }
            Self::CloseConnections
            | Self::DeleteExchange
            | Self::DeleteBinding
            | Self::ForeignQueue
            | Self::Unreadable
            | Self::Large
            | Self::Expired => {}
        }
    }
}

/// Sets after how many milliseconds RabbitMQ closes the channel of a consumer that does not
/// acknowledge, and has it look every second.
fn set_consumer_timeout(rig: &Rig, milliseconds: u32) {
    for setting in [format!("consumer_timeout, {milliseconds}"), "channel_tick_interval, 1000".to_owned()] {
        rabbitmqctl(&rig.pipeline.servers, &["eval", &format!("application:set_env(rabbit, {setting}).")]);
    }
}
