//! A topic of a real broker, or of librdkafka's mock cluster where there is none.

use std::io::Write as _;
use std::time::Duration;

use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::ids::SubscriptionId;
use futures::stream::{self, StreamExt as _};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use serde_json::{Value, json};

use crate::brokers::Broker;
use crate::replica::{Replica, service_wide};
use crate::suite::{Bench, payload};

const BROKER: Broker = Broker { variable: "CALLBACKS_TEST_KAFKA", script: "kafka.sh" };
/// What the script says where it could not fetch Kafka.
const UNAVAILABLE: &str = "unavailable";

/// Straight to standard error: the test runner keeps what is printed by a test that passes.
pub(crate) fn say(what: &str) {
    writeln!(std::io::stderr(), "\n*** {what}").expect("standard error is open");
}

/// A broker and a topic.
pub(crate) struct KafkaBench {
    servers: String,
    mock: Option<MockCluster<'static, DefaultProducerContext>>,
    pub(crate) topic: String,
    producer: FutureProducer,
}

impl KafkaBench {
    pub(crate) async fn new(name: &str, partitions: i32) -> Self {
        let servers = BROKER.address();
        if servers == UNAVAILABLE {
            say(
                "NO REAL KAFKA: Maven Central could not be reached, so this runs against librdkafka's mock cluster",
            );
            return Self::mocked(name, partitions).await;
        }
        Self::at(servers, None, name, partitions).await
    }

    /// A cluster of its own, which may go away without troubling anybody else.
    pub(crate) async fn mocked(name: &str, partitions: i32) -> Self {
        let mock = MockCluster::new(1).expect("a mock cluster");
        Self::at(mock.bootstrap_servers(), Some(mock), name, partitions).await
    }

    async fn at(
        servers: String,
        mock: Option<MockCluster<'static, DefaultProducerContext>>,
        name: &str,
        partitions: i32,
    ) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .set("linger.ms", "5")
            .set("message.timeout.ms", "60000")
            .create()
            .expect("a producer");
        let topic = format!("{name}-{}", uuid::Uuid::new_v4().simple());
        let bench = Self { servers, mock, topic, producer };
        bench.create_topic(&bench.topic, partitions).await;
        bench
    }

    /// Makes another topic.
    pub(crate) async fn create_topic(&self, topic: &str, partitions: i32) {
        match &self.mock {
            // The mock does not know the administrator's requests.
            Some(mock) => mock.create_topic(topic, partitions, 1).expect("a topic"),
            None => {
                let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
                    .set("bootstrap.servers", &self.servers)
                    .create()
                    .expect("an administrator");
                let made = admin
                    .create_topics(
                        &[NewTopic::new(topic, partitions, TopicReplication::Fixed(1))],
                        &AdminOptions::new(),
                    )
                    .await;
                assert!(made.expect("the broker answers").iter().all(Result::is_ok), "the topic is made");
            }
        }
    }

    /// Whether there is a real broker.
    pub(crate) fn is_real(&self) -> bool {
        self.mock.is_none()
    }

    /// Takes the mock cluster away for a while.
    pub(crate) async fn stay_away(&self, absence: Duration) {
        let mock = self.mock.as_ref().expect("a mock cluster");
        mock.broker_down(1).expect("it goes down");
        tokio::time::sleep(absence).await;
        mock.broker_up(1).expect("it comes back");
    }

    /// Sends one record.
    pub(crate) async fn send(&self, topic: &str, key: &str, value: &str, headers: OwnedHeaders) {
        let record = FutureRecord::to(topic).key(key).payload(value).headers(headers);
        self.producer.send(record, Duration::from_secs(60)).await.expect("the broker takes it");
    }
}

impl Bench for KafkaBench {
    fn settings(&self) -> SourcesSettings {
        SourcesSettings { kafka_bootstrap_servers: Some(self.servers.clone()), ..service_wide() }
    }

    fn subscription(&self) -> Option<Value> {
        // As in the compatible system's quickstart: no connectionConfig.
        Some(json!({
            "name": "suite", "messagingSystemType": "KAFKA", "topicOrQueue": self.topic, "consumerGroupId": self.topic,
            "eventTypePatterns": ["order.*"], "maxConcurrentConsumers": 2,
        }))
    }

    /// Every third event names no id: where it stands is its id.
    async fn publish(&self, numbers: std::ops::Range<u64>) {
        stream::iter(numbers)
            .for_each_concurrent(1000, async |n| {
                let nameless = json!({ "n": n }).to_string();
                let value = if n % 3 == 0 { nameless } else { payload(n) };
                let headers =
                    OwnedHeaders::new().insert(Header { key: "event-type", value: Some("order.created") });
                self.send(&self.topic, &n.to_string(), &value, headers).await;
            })
            .await;
    }

    async fn restart_broker(&self) {
        match &self.mock {
            None => BROKER.restart().await,
            Some(_) => self.stay_away(Duration::from_secs(5)).await,
        }
    }

    /// A group without offsets begins at the earliest.
    async fn replay(&self, replica: &Replica, subscription: Option<SubscriptionId>) {
        let id = subscription.expect("Kafka needs one");
        replica.change(id, json!({ "consumerGroupId": format!("{}-again", self.topic) })).await;
    }
}
