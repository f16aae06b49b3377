use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;
use crate::settings::OwnBrokers;

fn subscription(connection: impl Into<Value>, properties: impl Into<Value>) -> EventSubscription {
    let (connection, properties): (Value, Value) = (connection.into(), properties.into());
    serde_json::from_value(json!({
        "id": "00000000-0000-0000-0000-000000000001", "name": "n", "description": null, "messagingSystemType": "KAFKA",
        "connectionConfig": connection, "topicOrQueue": "t", "consumerGroupId": null, "active": true,
        "consumerProperties": properties, "eventTypePatterns": null, "maxConcurrentConsumers": 1, "pollingIntervalMs": 1000,
        "tenantId": "acme", "metadata": null, "lastMessageAt": null, "totalMessagesReceived": 0, "totalMessagesFailed": 0,
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "createdBy": null, "updatedBy": null
    }))
    .expect("a subscription")
}

fn service() -> SourcesSettings {
    SourcesSettings {
        kafka_bootstrap_servers: Some("service:9092".to_owned()),
        kafka_properties: BTreeMap::from([("sasl.password".to_owned(), "service-secret".to_owned())]),
        ..SourcesSettings::default()
    }
}

fn told(subscription: &EventSubscription) -> Result<HashMap<String, String>, SourceError> {
    consumer_properties(subscription, &service(), "c".to_owned(), false)
        .map(|pairs| pairs.into_iter().collect())
}

#[test]
fn without_a_connection_the_service_s_brokers_and_group_apply() {
    let told = told(&subscription(json!(null), json!(null))).expect("settings");
    assert_eq!(told["bootstrap.servers"], "service:9092");
    assert_eq!(told["sasl.password"], "service-secret");
    assert_eq!(told["group.id"], "callbacks-mgmt-consumer");
    assert_eq!(told["auto.offset.reset"], "earliest");
}

#[test]
fn own_servers_never_see_the_service_s_password() {
    let told = told(&subscription(json!({"bootstrapServers": "mine:9092"}), json!(null))).expect("settings");
    assert_eq!(told["bootstrap.servers"], "mine:9092");
    assert!(!told.contains_key("sasl.password"));
}

#[test]
fn own_servers_can_be_refused() {
    let settings = SourcesSettings { own_brokers: OwnBrokers::Refused, ..service() };
    let mine = subscription(json!({"bootstrap.servers": "169.254.169.254:80"}), json!(null));
    assert!(consumer_properties(&mine, &settings, "c".to_owned(), false).is_err());
}

#[test]
fn nobody_undoes_when_offsets_are_committed() {
    let properties = json!({"enable.auto.commit": "false", "auto.commit.interval.ms": "1", "group.id": "x", "max.poll.records": "1"});
    let told = told(&subscription(json!(null), properties)).expect("settings");
    assert_eq!(
        (told["enable.auto.offset.store"].as_str(), told["enable.auto.commit"].as_str()),
        ("false", "true")
    );
    assert_eq!(
        (told["auto.commit.interval.ms"].as_str(), told["group.id"].as_str()),
        ("1000", "callbacks-mgmt-consumer")
    );
}

#[test]
fn what_reads_files_or_loads_code_is_refused_by_name() {
    for name in [
        "ssl.ca.location",
        "plugin.library.paths",
        "sasl.kerberos.kinit.cmd",
        "enable.auto.offset.store",
        "debug",
        "ssl.keystore.location",
    ] {
        let error = told(&subscription(json!(null), json!({name: "canary"}))).expect_err(name);
        assert!(error.0.contains(name) && !error.0.contains("canary"), "{error}");
    }
}

#[test]
fn the_service_s_own_properties_are_checked_before_any_subscription_is_opened() {
    let of = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    let fine =
        of(&[("security.protocol", "SASL_SSL"), ("SASL_PASSWORD", "canary"), ("max.poll.records", "1")]);
    assert_eq!(refused_property(&fine), None);
    let refused = refused_property(&of(&[("ssl.ca.location", "canary")])).expect("not allowed");
    assert!(refused.0.contains("ssl.ca.location") && !refused.0.contains("canary"), "{refused}");
}

#[test]
fn java_s_login_line_is_understood() {
    let line =
        r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p=w";"#;
    let told =
        told(&subscription(json!({"bootstrap.servers": "b:1", "sasl.jaas.config": line}), json!(null)))
            .expect("settings");
    assert_eq!((told["sasl.username"].as_str(), told["sasl.password"].as_str()), ("u", "p=w"));
}

#[test]
fn a_pattern_never_means_the_broker_s_own_topics() {
    let pairs =
        consumer_properties(&subscription(json!(null), json!(null)), &service(), "c".to_owned(), true)
            .expect("settings");
    assert!(pairs.contains(&("topic.blacklist".to_owned(), INTERNAL_TOPICS.to_owned())));
}
