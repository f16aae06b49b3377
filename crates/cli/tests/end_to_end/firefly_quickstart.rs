//! What a user of Firefly does first, unchanged: an authorized domain, a configuration, an event subscription that names no
//! broker, a record on the topic. Then there must be a signed POST at the endpoint.

use std::io::Write as _;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::arrival::{at, header};
use crate::support::patience::{eventually, eventually_true};
use crate::support::scene::Scene;
use crate::tour::signature;

const LIMIT: Duration = Duration::from_secs(40);
const PATH: &str = "/webhooks/customers";

/// A broker with one topic; librdkafka's mock cluster where Maven Central cannot be reached.
struct Kafka {
    servers: String,
    topic: String,
    _mock: Option<MockCluster<'static, DefaultProducerContext>>,
}

impl Kafka {
    async fn with_topic() -> Self {
        let named = std::env::var("CALLBACKS_TEST_KAFKA").expect(
            "CALLBACKS_TEST_KAFKA is not set: run `make test`, which starts the brokers (or scripts/brokers/start.sh and source its env file)",
        );
        let topic = format!("customer-events-{}", uuid::Uuid::new_v4().simple());
        if named == "unavailable" {
            // Straight to standard error: the test runner keeps what is printed by a test that passes.
            let said = "\n*** NO REAL KAFKA: Maven Central could not be reached, so this runs against librdkafka's mock cluster";
            writeln!(std::io::stderr(), "{said}").expect("standard error is open");
            let mock = MockCluster::new(1).expect("a mock cluster");
            mock.create_topic(&topic, 1, 1).expect("a topic");
            return Self { servers: mock.bootstrap_servers(), topic, _mock: Some(mock) };
        }
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &named).create().expect("an administrator");
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        let made = admin.create_topics(&[new], &AdminOptions::new()).await.expect("the broker answers");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        Self { servers: named, topic, _mock: None }
    }

    async fn send(&self, value: &str) {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &self.servers).create().expect("a producer");
        let headers = OwnedHeaders::new().insert(Header { key: "source", value: Some("customer-service") });
        let record = FutureRecord::to(&self.topic).key("customer-1").payload(value).headers(headers);
        producer.send(record, LIMIT).await.expect("the broker takes it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_on_the_topic_becomes_a_signed_post() {
    let kafka = Kafka::with_topic().await;
    let scene = Scene::with_replicas(1, &[("FIREFLY_KAFKA_BOOTSTRAP_SERVERS", &kafka.servers)]).await;
    let api = scene.replicas[0].api();
    api.configure(&scene.receiver.url(PATH), "customer.*", json!({})).await;
    let subscription = json!({
        "name": "Customer Events", "description": "Subscribe to all customer events", "messagingSystemType": "KAFKA",
        "topicOrQueue": kafka.topic, "active": true, "eventTypePatterns": ["customer.*"], "maxConcurrentConsumers": 1,
        "pollingIntervalMs": 1000,
    });
    let made = api.expect(201, Method::POST, "/api/v1/event-subscriptions", Some(&subscription)).await;
    let id = made["id"].as_str().expect("an id");

    let event = r#"{"eventId": "0f8fad5b-d9cb-469f-a165-70867728950e", "eventType": "customer.created", "customer": {"id": 1,  "name": "Ada"}}"#;
    kafka.send(event).await;
    let arrived = async || at(&scene.receiver, PATH).into_iter().next();
    let (request, _) = eventually(LIMIT, "the record arrives at the endpoint", arrived).await;
    assert_eq!(std::str::from_utf8(&request.body), Ok(event), "byte for byte what was on the topic");
    assert_eq!(header(&request, "x-event-type"), Some("customer.created"));
    assert_eq!(header(&request, "x-event-id"), Some("0f8fad5b-d9cb-469f-a165-70867728950e"));
    assert_eq!(header(&request, "x-firefly-signature"), Some(signature(&request.body).as_str()));

    kafka.send("no event").await;
    let status = async || {
        api.expect(200, Method::GET, &format!("/api/v1/event-subscriptions/{id}/status"), None).await
    };
    // Counted with the record; what the consumer holds is reported every second, so it may be seen later.
    eventually_true(LIMIT, "both records are counted, and the consumer reported its partition", async || {
        let now = status().await;
        now["totalMessagesReceived"] == 2
            && now["quarantined"] == 1
            && now["connected"] == true
            && now["assignedPartitions"] == json!([format!("{}/0", kafka.topic)])
    })
    .await;
    let now = status().await;
    assert_eq!(now["totalMessagesFailed"], 1, "{now}");
    let set_aside = api.expect(200, Method::GET, "/api/v1/quarantined-messages?state=OPEN", None).await;
    let replay =
        format!("/api/v1/quarantined-messages/{}/replay", set_aside[0]["id"].as_str().expect("an id"));
    api.expect(202, Method::POST, &replay, Some(&json!({"type": "customer.noted"}))).await;
    eventually_true(LIMIT, "the replayed message arrives", async || {
        at(&scene.receiver, PATH).iter().any(|request| request.body.as_ref() == b"no event")
    })
    .await;
    watched(&scene, id).await;
}

/// Health and metrics tell of the source.
async fn watched(scene: &Scene, id: &str) {
    let api = scene.replicas[0].api();
    let health = api.expect(200, Method::GET, "/actuator/health", None).await;
    let sources = &health["components"]["sources"];
    assert_eq!((&sources["status"], &sources["details"]["active"]), (&json!("UP"), &json!(1)), "{health}");
    let metrics = api.expect(200, Method::GET, "/metrics", None).await;
    let Value::String(metrics) = metrics else { panic!("metrics are text: {metrics}") };
    for name in [
        "callbacks_source_messages_received_total",
        "callbacks_source_messages_quarantined_total",
        "callbacks_source_rebalances_total",
        "callbacks_source_reconnects_total",
        "callbacks_source_connected",
        "callbacks_source_lag_messages",
        "callbacks_source_lag_seconds",
    ] {
        let of_this =
            |line: &str| line.starts_with(name) && line.contains(id) && line.contains(r#"system="KAFKA""#);
        assert!(metrics.lines().any(of_this), "{name} of {id} is missing");
    }
}
