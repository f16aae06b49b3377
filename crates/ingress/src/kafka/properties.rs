//! The settings of a consumer. Pure.
//!
//! Only what is on the list is passed on: librdkafka can be told to read files and load plugins, and a subscription may come
//! from a tenant. Names of the Java client that mean the same are translated; those about deserializing, or about what
//! this service decides itself, are passed over.

use std::collections::BTreeMap;

use callbacks_core::sources::event_source::SourceError;
use callbacks_interfaces::event_subscription::EventSubscription;

use super::topics::INTERNAL_TOPICS;
use crate::connection::{Properties, own_broker_allowed};
use crate::settings::SourcesSettings;

const SERVERS: [&str; 4] = ["bootstrap.servers", "metadata.broker.list", "brokers", "servers"];

/// Allowed under librdkafka's names.
const ALLOWED: [&str; 31] = [
    "auto.offset.reset",
    "check.crcs",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.keepalive.enable",
    "ssl.ca.pem",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.pem",
];

/// The Java client's name, and librdkafka's.
const TRANSLATED: [(&str, &str); 3] = [
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("ssl.truststore.certificates", "ssl.ca.pem"),
    ("ssl.keystore.certificate.chain", "ssl.certificate.pem"),
];

/// Passed over: about Java, or decided here (what is committed, and when, is the point of this crate).
const PASSED_OVER: [&str; 8] = [
    "auto.commit.interval.ms",
    "enable.auto.commit",
    "group.id",
    "key.deserializer",
    "max.poll.records",
    "spring.json.trusted.packages",
    "value.deserializer",
    "allow.auto.create.topics",
];

/// Everything librdkafka is told, in the order it is told it.
pub(super) fn consumer_properties(
    subscription: &EventSubscription,
    settings: &SourcesSettings,
    client_id: String,
    by_pattern: bool,
) -> Result<Vec<(String, String)>, SourceError> {
    let own = Properties::of(subscription.connection_config.as_ref());
    let service = Properties::of(Some(&settings.kafka_properties));
    // Whoever names servers of their own gets none of the service's properties: its password is among them.
    let (servers, connection) = match own.get(&SERVERS) {
        Some(servers) => {
            own_broker_allowed(settings)?;
            (servers.to_owned(), vec![&own])
        }
        None => {
            let servers = settings.kafka_bootstrap_servers.clone().ok_or_else(no_servers)?;
            (servers, vec![&service, &own])
        }
    };
    let group = subscription.consumer_group_id.clone().filter(|group| !group.trim().is_empty());
    let mut told = defaults(settings, by_pattern);
    let consumer = Properties::of(subscription.consumer_properties.as_ref());
    for (name, value) in connection.into_iter().chain([&consumer]).flat_map(Properties::iter) {
        translate(name, value, &mut told)?;
    }
    told.push(("bootstrap.servers".to_owned(), servers));
    told.push(("group.id".to_owned(), group.unwrap_or_else(|| settings.consumer_group.clone())));
    if !told.iter().any(|(name, _)| name == "client.id") {
        told.push(("client.id".to_owned(), client_id));
    }
    // Last, so that nothing can undo it: librdkafka commits what we stored, and we store what is in the database.
    for (name, value) in [
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "1000"),
        ("enable.auto.offset.store", "false"),
    ] {
        told.push((name.to_owned(), value.to_owned()));
    }
    Ok(told)
}

/// The refusal of the first property that is not allowed.
pub(crate) fn refused_property(properties: &BTreeMap<String, String>) -> Option<SourceError> {
    let properties = Properties::of(Some(properties));
    let mut told = Vec::new();
    properties.iter().find_map(|(name, value)| translate(name, value, &mut told).err())
}

fn defaults(settings: &SourcesSettings, by_pattern: bool) -> Vec<(String, String)> {
    let mut defaults = vec![
        ("auto.offset.reset", settings.kafka_auto_offset_reset.as_str()),
        // Partitions that stay are read on while others move.
        ("partition.assignment.strategy", "cooperative-sticky"),
        // A member that leaves while others join is known as gone only when its session ends: its goodbye queues behind its
        // own request to join, which the broker answers when everybody has. Until then nobody new reads, so it must be soon.
        ("session.timeout.ms", "10000"),
        ("heartbeat.interval.ms", "1000"),
        // Back within ten seconds of the brokers; topics and partitions made later are found as soon.
        ("reconnect.backoff.ms", "100"),
        ("reconnect.backoff.max.ms", "4000"),
        ("topic.metadata.refresh.interval.ms", "5000"),
        ("fetch.error.backoff.ms", "200"),
        ("fetch.wait.max.ms", "100"),
        // How soon a full queue is looked at again. The default, a second, leaves it empty for most of that second.
        ("fetch.queue.backoff.ms", "20"),
        // Each consumer buffers this much at most; backpressure is not reading on.
        ("queued.max.messages.kbytes", "16384"),
        ("queued.min.messages", "5000"),
        ("socket.keepalive.enable", "true"),
        ("statistics.interval.ms", "2000"),
    ];
    if by_pattern {
        defaults.push(("topic.blacklist", INTERNAL_TOPICS));
    }
    defaults.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn translate(name: &str, value: &str, told: &mut Vec<(String, String)>) -> Result<(), SourceError> {
    if SERVERS.contains(&name) || PASSED_OVER.contains(&name) {
        return Ok(());
    }
    if name == "sasl.jaas.config" {
        for (property, quoted) in [("sasl.username", "username"), ("sasl.password", "password")] {
            let found = jaas_option(value, quoted).ok_or_else(|| {
                SourceError(format!("sasl.jaas.config has no {quoted}; use sasl.username and sasl.password"))
            })?;
            told.push((property.to_owned(), found));
        }
        return Ok(());
    }
    let name = TRANSLATED.iter().find(|(java, _)| *java == name).map_or(name, |(_, here)| here);
    if !ALLOWED.contains(&name) {
        return Err(SourceError(format!(
            "the consumer property {name} is not supported; remove it. Supported are {}",
            ALLOWED.join(", ")
        )));
    }
    told.push((name.to_owned(), value.to_owned()));
    Ok(())
}

/// An option of a JAAS line such as `…PlainLoginModule required username="u" password="p";`.
fn jaas_option(line: &str, option: &str) -> Option<String> {
    let (_, after) = line.split_once(&format!("{option}="))?;
    let mut quoted = after.chars();
    let quote = quoted.next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, _) = quoted.as_str().split_once(quote)?;
    Some(value.to_owned())
}

fn no_servers() -> SourceError {
    SourceError("connectionConfig has no bootstrap.servers and the service has no Kafka of its own; give one of the two".to_owned())
}

#[cfg(test)]
mod tests;
