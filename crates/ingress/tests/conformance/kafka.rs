//! Kafka: the suite, and what only Kafka has.

mod absence;
mod bench;
mod group;
mod poison;
mod wildcards;

/// Tests that restart the broker, or that need its full attention, take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn kafka_stands_the_suite() {
    let _turn = TURN.lock().await;
    crate::suite::run(&bench::KafkaBench::new("suite", 4).await).await;
}
