//! kill -9 in the middle of full load, several times: nothing accepted is lost, only the unfinished is repeated.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::{Answer, ReceivedRequest};

use crate::support::arrival::number;
use crate::support::ledger::{
    Ledger, assert_one_success_each, assert_repeats_only_the_unfinished, missing, repeated,
};
use crate::support::patience::eventually_true;
use crate::support::producer::Producer;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const KILLS: usize = 4;
/// Keeps deliveries in flight at every moment.
const RECEIVER_DELAY: Duration = Duration::from_millis(40);
/// Promised: 10 s after the restart. The rest is for a machine that is busy with other things.
const REDELIVERY_LIMIT: Duration = Duration::from_secs(15);
const ARRIVAL_LIMIT: Duration = Duration::from_secs(40);
/// Receiver's delay, time to commit an outcome on a busy machine, and the kill itself.
const UNFINISHED_AT_MOST: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_loses_nothing() {
    let mut scene = Scene::with_replicas(1, &[]).await;
    let configuration = scene.configure().await;
    scene.receiver.script(PATH, [Answer::status(200).after(RECEIVER_DELAY)]);
    let producer = Producer::start(vec![scene.replicas[0].api()], EVENT_TYPE, 16);

    let (mut crashes, mut interruptions) = (Vec::new(), 0);
    for _ in 0..KILLS {
        tokio::time::sleep(random_moment()).await;
        crashes.push(Instant::now());
        scene.replicas[0].kill();
        let interrupted = missing(&producer.ledger(), &scene.receiver);
        interruptions += interrupted.len();
        scene.replicas[0].restart().await;
        await_first_redelivery(&scene, &interrupted).await;
    }
    let ledger = producer.stop().await;
    assert!(ledger.len() > 200, "only {} events were accepted", ledger.len());
    assert_all_arrived(&scene, &ledger).await;
    if interruptions == 0 {
        // Everything had arrived at the kills; what was not yet recorded then arrives once more.
        let proven = async || !repeated(&scene.receiver).is_empty();
        eventually_true(REDELIVERY_LIMIT, "a kill is seen to have interrupted something", proven).await;
    }
    assert_recorded(&scene, &configuration, &ledger).await;
    assert_repeats_only_the_unfinished(&scene.receiver, &crashes, UNFINISHED_AT_MOST);
    let repeats: Vec<Vec<ReceivedRequest>> = repeated(&scene.receiver).into_values().collect();
    assert!(repeats.iter().all(|receipts| receipts.len() <= KILLS + 1), "one repeat a crash at most");
}

/// Between 0.5 and 2 seconds: a kill should find the service at no particular point.
fn random_moment() -> Duration {
    Duration::from_millis(500 + u64::from(uuid::Uuid::new_v4().as_fields().0 % 1500))
}

async fn await_first_redelivery(scene: &Scene, interrupted: &BTreeSet<u64>) {
    if interrupted.is_empty() {
        return;
    }
    eventually_true(REDELIVERY_LIMIT, "what a crash interrupted is delivered again", async || {
        scene.receiver.requests().iter().filter_map(number).any(|number| interrupted.contains(&number))
    })
    .await;
}

async fn assert_all_arrived(scene: &Scene, ledger: &Ledger) {
    let all = async || missing(ledger, &scene.receiver).is_empty();
    eventually_true(ARRIVAL_LIMIT, "every accepted event arrives", all).await;
}

/// The last outcomes may still be on their way to the database when their requests have arrived.
async fn assert_recorded(scene: &Scene, configuration: &str, ledger: &Ledger) {
    let api = scene.replicas[0].api();
    let mut successes = Vec::new();
    eventually_true(ARRIVAL_LIMIT, "every delivery is recorded", async || {
        successes = api.executions(configuration, "SUCCESS").await;
        successes.len() >= ledger.len()
    })
    .await;
    assert_one_success_each(ledger, &successes);
}
