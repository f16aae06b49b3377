//! RabbitMQ under the suite.

use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::ids::SubscriptionId;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::brokers::Broker;
use crate::replica::{Replica, service_wide};
use crate::suite::{Bench, EVENTS, payload};

const BROKER: Broker = Broker { variable: "CALLBACKS_TEST_AMQP", script: "rabbitmq.sh" };

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_stands_the_suite() {
    let bench =
        RabbitBench { url: BROKER.address(), queue: format!("suite-{}", uuid::Uuid::new_v4().simple()) };
    bench.publish(0..0).await;
    crate::suite::run(&bench).await;
}

struct RabbitBench {
    url: String,
    queue: String,
}

impl Bench for RabbitBench {
    fn settings(&self) -> SourcesSettings {
        SourcesSettings { amqp_url: Some(self.url.clone()), ..service_wide() }
    }

    fn subscription(&self) -> Option<Value> {
        Some(
            json!({ "name": "suite", "messagingSystemType": "RABBITMQ", "topicOrQueue": self.queue, "maxConcurrentConsumers": 2 }),
        )
    }

    /// Half of the events are named by the protocol's own `message-id`, half by their payloads.
    async fn publish(&self, numbers: std::ops::Range<u64>) {
        let connection =
            Connection::connect(&self.url, ConnectionProperties::default()).await.expect("RabbitMQ answers");
        let channel = connection.create_channel().await.expect("a channel");
        let queue = ShortString::from(self.queue.as_str());
        channel
            .queue_declare(queue.clone(), QueueDeclareOptions::durable(), FieldTable::default())
            .await
            .expect("a queue");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let mut confirms = Vec::new();
        for n in numbers {
            let named = BasicProperties::default()
                .with_delivery_mode(2)
                .with_message_id(format!("event-{n}").as_str().into())
                .with_type("order.created".into());
            let body = if n % 2 == 0 { json!({ "n": n }).to_string() } else { payload(n) };
            let sent = channel
                .basic_publish(
                    "".into(),
                    queue.clone(),
                    BasicPublishOptions::default(),
                    body.as_bytes(),
                    named,
                )
                .await;
            confirms.push(sent.expect("it is sent"));
        }
        for confirm in confirms {
            confirm.await.expect("it is confirmed");
        }
        connection.close(200, "done".into()).await.expect("it closes");
    }

    async fn restart_broker(&self) {
        BROKER.restart().await;
    }

    async fn replay(&self, _replica: &Replica, _subscription: Option<SubscriptionId>) {
        self.publish(0..EVENTS).await;
    }
}
