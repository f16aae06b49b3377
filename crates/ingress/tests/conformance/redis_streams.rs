//! Redis Streams under the suite.

use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::ids::SubscriptionId;
use serde_json::{Value, json};

use crate::brokers::Broker;
use crate::replica::{Replica, service_wide};
use crate::suite::{Bench, EVENTS, payload};

const BROKER: Broker = Broker { variable: "CALLBACKS_TEST_REDIS", script: "redis.sh" };

#[tokio::test(flavor = "multi_thread")]
async fn redis_streams_stand_the_suite() {
    let bench =
        RedisBench { url: BROKER.address(), stream: format!("suite-{}", uuid::Uuid::new_v4().simple()) };
    crate::suite::run(&bench).await;
}

struct RedisBench {
    url: String,
    stream: String,
}

impl Bench for RedisBench {
    fn settings(&self) -> SourcesSettings {
        SourcesSettings { redis_url: Some(self.url.clone()), ..service_wide() }
    }

    fn subscription(&self) -> Option<Value> {
        Some(json!({
            "name": "suite", "messagingSystemType": "REDIS_STREAMS", "topicOrQueue": self.stream, "maxConcurrentConsumers": 2,
            "pollingIntervalMs": 500, "consumerProperties": { "claim.min.idle.ms": "3000" },
        }))
    }

    async fn publish(&self, numbers: std::ops::Range<u64>) {
        let client = redis::Client::open(self.url.as_str()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let numbers: Vec<u64> = numbers.collect();
        for part in numbers.chunks(500) {
            let mut pipeline = redis::pipe();
            for n in part {
                pipeline.cmd("XADD").arg(&self.stream).arg("*").arg("payload").arg(payload(*n)).ignore();
            }
            pipeline.query_async::<()>(&mut connection).await.expect("they are added");
        }
    }

    async fn restart_broker(&self) {
        BROKER.restart().await;
    }

    async fn replay(&self, _replica: &Replica, _subscription: Option<SubscriptionId>) {
        self.publish(0..EVENTS).await;
    }
}
