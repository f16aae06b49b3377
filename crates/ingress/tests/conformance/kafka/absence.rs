//! Brokers that are away for long.

use std::time::Duration;

use rdkafka::message::OwnedHeaders;

use super::TURN;
use super::bench::KafkaBench;
use crate::database::TestDatabase;
use crate::ledger::Ledger;
use crate::patience::eventually;
use crate::replica::{Replica, real};
use crate::suite::{Bench as _, payload};

/// What librdkafka says of brokers that cannot be reached stands in the queue before the records that come afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_there_before_its_brokers_reads_as_soon_as_they_are() {
    let _turn = TURN.lock().await;
    let bench = KafkaBench::mocked("absence", 1).await;
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let replica = Replica::start(&database.url(), &ledger, real(bench.settings())).await;
    replica.add_endpoint().await;
    bench.send(&bench.topic, "k", &payload(0), OwnedHeaders::new()).await;
    let subscription = bench.subscription().expect("a subscription");
    tokio::join!(bench.stay_away(Duration::from_secs(25)), replica.subscribe(subscription));
    let resumed = async || ledger.events() == 1;
    eventually(Duration::from_secs(30), "reading begins", resumed, async || ledger.events().to_string())
        .await;
    replica.stop().await;
    assert_eq!((ledger.missing(1), ledger.extra()), (vec![], 0));
}
