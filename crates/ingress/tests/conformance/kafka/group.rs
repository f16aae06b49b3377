//! A group that changes while it works, and what a broker asks of whom it lets in.

use std::time::Duration;

use rdkafka::message::OwnedHeaders;
use serde_json::json;

use super::TURN;
use super::bench::{KafkaBench, say};
use crate::database::TestDatabase;
use crate::ledger::Ledger;
use crate::patience::eventually;
use crate::replica::{Replica, real};
use crate::suite::{Bench as _, delivered, payload};

/// Three replicas join and leave while events flow.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_come_and_go_and_nothing_is_lost_or_repeated() {
    let _turn = TURN.lock().await;
    let bench = KafkaBench::new("group", 6).await;
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let url = database.url();
    let join = async || Replica::start(&url, &ledger, real(bench.settings())).await;
    let first = join().await;
    first.add_endpoint().await;
    let id = first.subscribe(bench.subscription().expect("a subscription")).await.id;
    let pause = async || tokio::time::sleep(Duration::from_millis(500)).await;

    let coming_and_going = async {
        delivered(&ledger, &database, 100, "the first member reads").await;
        let second = join().await;
        pause().await;
        let third = join().await;
        delivered(&ledger, &database, 3_000, "three members read").await;
        second.stop().await;
        pause().await;
        first.stop().await;
        third
    };
    let publishing = async {
        for part in 0..20 {
            bench.publish(part * 300..(part + 1) * 300).await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let (third, ()) = tokio::join!(coming_and_going, publishing);
    delivered(&ledger, &database, 6_000, "the last member reads the rest").await;
    let reads_all = async || third.status(id).await.assigned_partitions.len() == 6;
    let state = async || format!("{:?}", third.status(id).await);
    eventually(Duration::from_secs(30), "the last member reads all partitions", reads_all, state).await;
    third.stop().await;
    assert_eq!((ledger.events(), ledger.extra()), (6_000, 0));
    assert_eq!(database.number("SELECT count(*) FROM events").await, 6_000);
}

/// A subscription that brings its own broker, over TLS and with a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_may_bring_its_own_broker_with_tls_and_a_password() {
    let _turn = TURN.lock().await;
    let bench = KafkaBench::new("secure", 1).await;
    if !bench.is_real() {
        say("NOT TESTED: SASL and TLS need a real Kafka");
        return;
    }
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let replica = Replica::start(&database.url(), &ledger, real(crate::replica::service_wide())).await;
    replica.add_endpoint().await;
    let variable = |name| std::env::var(name).expect("set together with CALLBACKS_TEST_KAFKA");
    let authority =
        std::fs::read_to_string(variable("CALLBACKS_TEST_KAFKA_CA")).expect("the broker's certificate");
    let connection = |password: &str| {
        json!({
            "bootstrap.servers": variable("CALLBACKS_TEST_KAFKA_SASL_SSL"), "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN", "sasl.username": "callbacks", "sasl.password": password, "ssl.ca.pem": authority,
        })
    };
    let subscription = json!({
        "name": "secure", "messagingSystemType": "KAFKA", "topicOrQueue": bench.topic, "connectionConfig": connection("wrong"),
    });
    let id = replica.subscribe(subscription).await.id;
    bench.send(&bench.topic, "k", &payload(0), OwnedHeaders::new()).await;
    let refused = async || replica.status(id).await.last_error.is_some();
    eventually(Duration::from_secs(20), "a wrong password is reported", refused, async || String::new())
        .await;
    assert!(!replica.status(id).await.connected);
    replica.change(id, json!({ "connectionConfig": connection("callbacks-secret") })).await;
    delivered(&ledger, &database, 1, "the right password lets it in").await;
    replica.stop().await;
}
