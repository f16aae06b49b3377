//! SIGTERM under load with a slow receiver: what is on the wire is finished, the rest is left to others, and nothing
//! is lost or sent twice.

use std::time::Duration;

use callbacks_testkit::webhook_receiver::Answer;

use crate::support::ledger::{missing, repeated};
use crate::support::patience::eventually_true;
use crate::support::producer::Producer;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const RECEIVER_DELAY: Duration = Duration::from_millis(1_500);
const DRAIN: Duration = Duration::from_secs(10);
const DRAIN_SETTING: (&str, &str) = ("CALLBACKS_DISPATCHER__DRAIN_TIMEOUT_MS", "10000");
/// Few on the wire at once, so that much is still waiting when the signal comes.
const IN_FLIGHT_SETTING: (&str, &str) = ("CALLBACKS_DISPATCHER__MAX_IN_FLIGHT_PER_CONFIGURATION", "64");
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_loses_nothing_and_repeats_nothing() {
    let mut scene = Scene::with_replicas(2, &[DRAIN_SETTING, IN_FLIGHT_SETTING]).await;
    scene.configure().await;
    scene.receiver.script(PATH, [Answer::status(200).after(RECEIVER_DELAY)]);
    let producer = Producer::start(vec![scene.replicas[0].api()], EVENT_TYPE, 8);
    eventually_true(Duration::from_secs(20), "the wire is full and more is waiting", async || {
        producer.ledger().len() > 250 && scene.receiver.count() > 64
    })
    .await;

    scene.replicas[0].terminate();
    let (status, took) = scene.replicas[0].ended(DRAIN + Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "a graceful stop is a success");
    assert!(took <= DRAIN + Duration::from_secs(2), "the stop took {took:?}");

    let ledger = producer.stop().await;
    scene.receiver.script(PATH, [Answer::status(200)]);
    let all_arrived = async || missing(&ledger, &scene.receiver).is_empty();
    eventually_true(ARRIVAL_LIMIT, "the other replica delivers the rest", all_arrived).await;
    let twice: Vec<u64> = repeated(&scene.receiver).into_keys().collect();
    assert!(twice.is_empty(), "sent twice: {twice:?}");
}
