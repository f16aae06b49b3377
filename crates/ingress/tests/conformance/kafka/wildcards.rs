//! Topics by pattern, and changes that take effect while the service runs.

use std::time::Duration;

use rdkafka::message::OwnedHeaders;
use serde_json::json;

use super::TURN;
use super::bench::KafkaBench;
use crate::database::TestDatabase;
use crate::ledger::Ledger;
use crate::patience::eventually;
use crate::replica::{Replica, real};
use crate::suite::{Bench as _, delivered, payload};

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_finds_topics_made_later_and_nothing_else() {
    let _turn = TURN.lock().await;
    let bench = KafkaBench::new("x", 1).await;
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let other_replica_ledger = ledger.clone();
    let replica = Replica::start(&database.url(), &ledger, real(bench.settings())).await;
    let other = Replica::start(&database.url(), &other_replica_ledger, real(bench.settings())).await;
    replica.add_endpoint().await;
    let family = format!("{}.customer", bench.topic);
    bench.create_topic(&format!("{family}.created"), 1).await;
    bench.create_topic(&format!("{family}Zcreated"), 1).await;
    let subscription = json!({
        "name": "family", "messagingSystemType": "KAFKA", "topicOrQueue": format!("{family}.*"), "consumerGroupId": family,
        "eventTypePatterns": ["order.*"],
    });
    let id = replica.subscribe(subscription).await.id;
    bench.send(&format!("{family}.created"), "k", &payload(0), OwnedHeaders::new()).await;
    bench.send(&format!("{family}Zcreated"), "k", &payload(100), OwnedHeaders::new()).await;
    delivered(&ledger, &database, 1, "a topic of the family is read").await;
    bench.create_topic(&format!("{family}.deleted"), 1).await;
    bench.send(&format!("{family}.deleted"), "k", &payload(1), OwnedHeaders::new()).await;
    delivered(&ledger, &database, 2, "so is one made later").await;

    // On whichever replica: nothing of another type, and nothing while it is not active.
    let unwanted = json!({ "eventType": "other", "n": 101 }).to_string();
    bench.send(&format!("{family}.created"), "k", &unwanted, OwnedHeaders::new()).await;
    let filtered =
        async || replica.status(id).await.replicas.iter().map(|one| one.filtered).sum::<i64>() == 1;
    eventually(Duration::from_secs(10), "another type is counted as filtered", filtered, async || {
        format!("{:?}", replica.status(id).await)
    })
    .await;
    replica.change(id, json!({ "active": false })).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.send(&format!("{family}.created"), "k", &payload(2), OwnedHeaders::new()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ledger.events(), 2, "an inactive subscription reads nothing");
    replica.change(id, json!({ "active": true })).await;
    delivered(&ledger, &database, 3, "an active one goes on where it stopped").await;
    other.stop().await;
    replica.stop().await;
    assert_eq!((ledger.missing(3), ledger.extra(), ledger.events()), (vec![], 0, 3));
}
