//! Records that are no events, among records that are.

use std::time::{Duration, Instant};

use callbacks_core::management::position::Position;
use callbacks_core::management::{event_types, quarantine};
use futures::stream::{self, StreamExt as _};
use rdkafka::message::OwnedHeaders;
use serde_json::json;

use super::TURN;
use super::bench::KafkaBench;
use crate::database::TestDatabase;
use crate::ledger::Ledger;
use crate::patience::eventually;
use crate::replica::{Replica, object, real, scope};
use crate::suite::{Bench as _, delivered, payload};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_poison_records_stop_nothing_and_are_all_kept() {
    let _turn = TURN.lock().await;
    let bench = KafkaBench::new("poison", 2).await;
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let replica = Replica::start(&database.url(), &ledger, real(bench.settings())).await;
    replica.add_endpoint().await;
    let subscription = json!({ "name": "poison", "messagingSystemType": "KAFKA", "topicOrQueue": bench.topic, "consumerGroupId": bench.topic });
    let id = replica.subscribe(subscription).await.id;
    stream::iter(0..1_000_u64)
        .for_each_concurrent(500, async |n| {
            bench.send(&bench.topic, &n.to_string(), "{ no event", OwnedHeaders::new()).await;
            bench.send(&bench.topic, &n.to_string(), &payload(n), OwnedHeaders::new()).await;
        })
        .await;
    let sent = Instant::now();
    delivered(&ledger, &database, 1_000, "good records are delivered").await;
    assert!(sent.elapsed() < Duration::from_secs(10), "poison held good records up for {:?}", sent.elapsed());
    // Read again after a rebalance, a record is received twice and kept once.
    let counted = async || {
        let status = replica.status(id).await;
        status.quarantined == 1_000
            && status.total_messages_received >= 2_000
            && status.total_messages_failed >= 1_000
    };
    eventually(Duration::from_secs(10), "all are counted", counted, async || {
        format!("{:?}", replica.status(id).await)
    })
    .await;

    let newest = Position { before: None, limit: 2 };
    let slice = quarantine::list(&replica.desk, &scope(), Some(id), None, newest).await.expect("a list");
    assert!(
        slice.rows.len() == 2 && slice.next.is_some() && slice.rows[0].reason.contains("not JSON"),
        "{:?}",
        slice.rows
    );
    let [one, other] = [slice.rows[0].id, slice.rows[1].id];
    let inspected = quarantine::get(&replica.desk, &scope(), one).await.expect("it is kept");
    assert_eq!(inspected.payload.as_deref(), Some("{ no event"));
    quarantine::replay(&replica.desk, &scope(), one, &object(json!({})))
        .await
        .expect_err("it is still no event");
    let accepted =
        quarantine::replay(&replica.desk, &scope(), one, &object(json!({ "type": "raw.text" }))).await;
    assert!(!accepted.expect("it is an event now").duplicate);
    quarantine::replay(&replica.desk, &scope(), one, &object(json!({ "type": "raw.text" })))
        .await
        .expect_err("only once");
    quarantine::discard(&replica.desk, &scope(), other).await.expect("it is open");
    assert_eq!(replica.status(id).await.quarantined, 998);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_catalogue_refuses_goes_to_quarantine_and_comes_in_once_it_is_known() {
    let _turn = TURN.lock().await;
    let bench = KafkaBench::new("catalogue", 1).await;
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let replica = Replica::start(&database.url(), &ledger, real(bench.settings())).await;
    replica.add_endpoint().await;
    let reject = object(json!({ "enforcement": "reject" }));
    event_types::set_enforcement(&replica.desk, &scope(), &reject).await.expect("a choice");
    let schema = json!({ "type": "object", "required": ["eventId"] });
    let known = object(json!({ "name": "order.created", "schema": schema }));
    event_types::create(&replica.desk, &scope(), &known).await.expect("an event type");
    let subscription = json!({ "name": "catalogue", "messagingSystemType": "KAFKA", "topicOrQueue": bench.topic, "consumerGroupId": bench.topic });
    let id = replica.subscribe(subscription).await.id;
    for (n, payload) in [
        (0, payload(0).replace("order.created", "order.lost")),
        (1, r#"{"eventType":"order.created"}"#.to_owned()),
        (2, payload(2)),
    ] {
        bench.send(&bench.topic, &n.to_string(), &payload, OwnedHeaders::new()).await;
    }
    delivered(&ledger, &database, 1, "the good record is delivered").await;
    let newest = Position { before: None, limit: 9 };
    let kept = quarantine::list(&replica.desk, &scope(), Some(id), None, newest).await.expect("a list").rows;
    let reasons: Vec<&str> = kept.iter().rev().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("order.lost is not in the catalogue"), "{reasons:?}");
    assert!(reasons[1].contains("not as the schema of order.created says, at ''"), "{reasons:?}");
    let lost = kept[1].id;
    let refusal = quarantine::replay(&replica.desk, &scope(), lost, &object(json!({}))).await;
    assert!(refusal.expect_err("still unknown").to_string().contains("not in the catalogue"));
    let now_known = object(json!({ "name": "order.lost" }));
    event_types::create(&replica.desk, &scope(), &now_known).await.expect("an event type");
    quarantine::replay(&replica.desk, &scope(), lost, &object(json!({}))).await.expect("it is known now");
    delivered(&ledger, &database, 2, "the replayed record is delivered").await;
    replica.stop().await;
}
