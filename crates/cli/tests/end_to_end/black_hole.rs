//! An endpoint that takes requests and never answers does not delay the others.

use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::{Answer, ReceivedRequest};
use serde_json::json;

use crate::support::arrival::{at, number};
use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const HOLE: &str = "/hole";
const HOLE_EVENT: &str = "hole.event";
/// More than may be on the wire for one configuration, so that its lane backs up.
const SWALLOWED: usize = 600;
const HEALTHY: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_delays_nobody_else() {
    let scene = Scene::with_replicas(1, &[]).await;
    scene.configure().await;
    let api = scene.replicas[0].api();
    scene.receiver.script(HOLE, [Answer::never()]);
    api.configure(&scene.receiver.url(HOLE), HOLE_EVENT, json!({"timeoutMs": 60_000})).await;
    scene.await_matches(&scene.replicas[0], HOLE_EVENT, 1).await;
    let events: Vec<_> = (0..SWALLOWED).map(|_| json!({"type": HOLE_EVENT, "payload": {}})).collect();
    api.expect(202, reqwest::Method::POST, "/api/v1/events/batch", Some(&json!(events))).await;
    let hole_is_full = async || at(&scene.receiver, HOLE).len() >= 50;
    eventually_true(Duration::from_secs(15), "the black hole swallows requests", hole_is_full).await;

    let mut sent = Vec::new();
    for number in 0..HEALTHY {
        sent.push(Instant::now());
        api.publish(EVENT_TYPE, json!({"number": number})).await;
    }
    let arrivals = || -> Vec<ReceivedRequest> {
        at(&scene.receiver, PATH).into_iter().filter(|request| number(request).is_some()).collect()
    };
    let all_arrived = async || arrivals().len() as u64 == HEALTHY;
    eventually_true(Duration::from_secs(15), "every healthy delivery arrives", all_arrived).await;
    let delay_of = |request: &ReceivedRequest| {
        let number =
            number(request).and_then(|number| usize::try_from(number).ok()).expect("a healthy event");
        request.received_at.saturating_duration_since(sent[number])
    };
    let slowest = arrivals().iter().map(delay_of).max().unwrap_or_default();
    // Behind a stalled lane it would be the hole's timeout, a minute.
    assert!(slowest < Duration::from_secs(5), "a healthy delivery took {slowest:?}");
}
