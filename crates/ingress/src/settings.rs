//! The service-wide brokers: what a subscription uses that says nothing of its own.

use std::collections::BTreeMap;
use std::fmt;

/// The consumer group of subscriptions that name none.
pub const DEFAULT_GROUP: &str = "callbacks-mgmt-consumer";

/// Where the service's own brokers are. Filled from settings and environment by the binary.
#[derive(Clone)]
pub struct SourcesSettings {
    /// Kafka: `host:port,…` (FIREFLY_KAFKA_BOOTSTRAP_SERVERS, KAFKA_BOOTSTRAP_SERVERS).
    pub kafka_bootstrap_servers: Option<String>,
    /// Kafka: further properties of connection and consumer, under librdkafka's or Java's names. The same allow-list applies
    /// as to a subscription's (see [`refused_kafka_property`]).
    pub kafka_properties: BTreeMap<String, String>,
    /// Kafka: where a group without offsets begins, `earliest` or `latest` (KAFKA_AUTO_OFFSET_RESET).
    pub kafka_auto_offset_reset: String,
    /// RabbitMQ: `amqp://user:password@host:port/vhost` or `amqps://…`.
    pub amqp_url: Option<String>,
    /// NATS: `nats://host:port`, several separated by commas; credentials in the URL.
    pub nats_url: Option<String>,
    /// Redis: `redis://…` or `rediss://…` (REDIS_URL).
    pub redis_url: Option<String>,
    /// The consumer group of subscriptions that name none (CALLBACK_LISTENER_GROUP_ID, KAFKA_CONSUMER_GROUP).
    pub consumer_group: String,
    /// Whether a subscription may name brokers of its own.
    pub own_brokers: OwnBrokers,
}

/// Whether subscriptions may bring their own `connectionConfig`. A broker's address is dialled from inside the network,
/// so it should be refused wherever tenants are not trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnBrokers {
    /// They may.
    #[default]
    Allowed,
    /// They read from the service-wide brokers only.
    Refused,
}

impl Default for SourcesSettings {
    fn default() -> Self {
        Self {
            kafka_bootstrap_servers: None,
            kafka_properties: BTreeMap::new(),
            kafka_auto_offset_reset: "earliest".to_owned(),
            amqp_url: None,
            nats_url: None,
            redis_url: None,
            consumer_group: DEFAULT_GROUP.to_owned(),
            own_brokers: OwnBrokers::Allowed,
        }
    }
}

/// Why one of these properties cannot be had, in a sentence that names it; `None` when all can. Values are not looked at.
#[must_use]
pub fn refused_kafka_property(properties: &BTreeMap<String, String>) -> Option<String> {
    #[cfg(feature = "kafka")]
    return crate::kafka::refused_property(properties).map(|error| error.0);
    #[cfg(not(feature = "kafka"))]
    (!properties.is_empty()).then(|| "this build does not read Kafka; remove them".to_owned())
}

/// URLs and properties carry passwords.
impl fmt::Debug for SourcesSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourcesSettings")
            .field("kafka_bootstrap_servers", &self.kafka_bootstrap_servers)
            .field("kafka_properties", &self.kafka_properties.keys())
            .field("kafka_auto_offset_reset", &self.kafka_auto_offset_reset)
            .field("amqp", &self.amqp_url.is_some())
            .field("nats", &self.nats_url.is_some())
            .field("redis", &self.redis_url.is_some())
            .field("consumer_group", &self.consumer_group)
            .field("own_brokers", &self.own_brokers)
            .finish()
    }
}
