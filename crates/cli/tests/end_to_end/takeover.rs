//! Two replicas on one database; one is killed: the other delivers what it had accepted.

use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::Answer;

use crate::support::ledger::{
    assert_one_success_each, assert_repeats_only_the_unfinished, missing, repeated,
};
use crate::support::patience::eventually_true;
use crate::support::producer::Producer;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const RECEIVER_DELAY: Duration = Duration::from_millis(300);
/// Promised: 10 s. The rest is for a machine that is busy with other things.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(15);
const ARRIVAL_LIMIT: Duration = Duration::from_secs(40);
const UNFINISHED_AT_MOST: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_survivor_delivers_what_the_dead_replica_accepted() {
    let mut scene = Scene::with_replicas(2, &[]).await;
    let configuration = scene.configure().await;
    scene.receiver.script(PATH, [Answer::status(200).after(RECEIVER_DELAY)]);
    let apis = scene.replicas.iter().map(|replica| replica.api()).collect();
    let producer = Producer::start(apis, EVENT_TYPE, 24);
    tokio::time::sleep(Duration::from_secs(3)).await;

    let crash = Instant::now();
    scene.replicas[0].kill();
    let ledger = producer.ledger();
    let mut orphans = missing(&ledger, &scene.receiver);
    orphans.retain(|number| ledger[number].replica == 0);
    eventually_true(TAKEOVER_LIMIT, "the survivor takes over", async || {
        let still_missing = missing(&ledger, &scene.receiver);
        orphans.iter().all(|number| !still_missing.contains(number))
    })
    .await;

    let ledger = producer.stop().await;
    assert!(ledger.values().any(|accepted| accepted.replica == 1), "the survivor went on accepting");
    let all_arrived = async || missing(&ledger, &scene.receiver).is_empty();
    eventually_true(ARRIVAL_LIMIT, "every accepted event arrives", all_arrived).await;
    // What was on the wire at the kill arrives twice, what was not yet there arrives late.
    let interrupted = orphans.len() + repeated(&scene.receiver).len();
    assert!(interrupted > 0, "the kill interrupted nothing, so nothing is proven");
    assert_repeats_only_the_unfinished(&scene.receiver, &[crash], UNFINISHED_AT_MOST);
    let mut successes = Vec::new();
    eventually_true(ARRIVAL_LIMIT, "every delivery is recorded", async || {
        successes = scene.replicas[1].api().executions(&configuration, "SUCCESS").await;
        successes.len() >= ledger.len()
    })
    .await;
    assert_one_success_each(&ledger, &successes);
}
