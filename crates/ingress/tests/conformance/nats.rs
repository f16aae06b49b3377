//! NATS JetStream under the suite.

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::ids::SubscriptionId;
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::brokers::Broker;
use crate::replica::{Replica, service_wide};
use crate::suite::{Bench, EVENTS, payload};

const BROKER: Broker = Broker { variable: "CALLBACKS_TEST_NATS", script: "nats.sh" };

#[tokio::test(flavor = "multi_thread")]
async fn nats_jetstream_stands_the_suite() {
    let stream = format!("suite-{}", uuid::Uuid::new_v4().simple());
    let bench = NatsBench { url: BROKER.address(), stream };
    let config = Config {
        name: bench.stream.clone(),
        subjects: vec![format!("{}.>", bench.stream)],
        ..Config::default()
    };
    bench.context().await.create_stream(config).await.expect("a stream");
    crate::suite::run(&bench).await;
}

struct NatsBench {
    url: String,
    stream: String,
}

impl NatsBench {
    async fn context(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(&self.url).await.expect("NATS answers"))
    }
}

impl Bench for NatsBench {
    fn settings(&self) -> SourcesSettings {
        SourcesSettings { nats_url: Some(self.url.clone()), ..service_wide() }
    }

    fn subscription(&self) -> Option<Value> {
        Some(json!({
            "name": "suite", "messagingSystemType": "NATS", "topicOrQueue": format!("{}.orders", self.stream),
            "maxConcurrentConsumers": 2, "consumerProperties": { "ack.wait.ms": "5000" },
        }))
    }

    async fn publish(&self, numbers: std::ops::Range<u64>) {
        let context = self.context().await;
        stream::iter(numbers)
            .for_each_concurrent(500, async |n| {
                let sent = context.publish(format!("{}.orders", self.stream), payload(n).into()).await;
                sent.expect("it is sent").await.expect("it is stored");
            })
            .await;
    }

    async fn restart_broker(&self) {
        BROKER.restart().await;
    }

    async fn replay(&self, _replica: &Replica, _subscription: Option<SubscriptionId>) {
        self.publish(0..EVENTS).await;
    }
}
