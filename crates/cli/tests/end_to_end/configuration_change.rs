//! A configuration that is edited, paused or deleted at one replica changes at every replica within two seconds.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::arrival::{at, numbers};
use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const MOVED: &str = "/moved";
/// What is promised.
const EFFECT_LIMIT: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_takes_effect_on_both_replicas() {
    let scene = Scene::with_replicas(2, &[]).await;
    let configuration = scene.configure().await;
    let (here, there) = (&scene.replicas[0], &scene.replicas[1]);

    here.api().change(&configuration, json!({"url": scene.receiver.url(MOVED)})).await;
    for replica in [here, there] {
        let arrives_at_the_new_path = async || {
            let seen = at(&scene.receiver, MOVED).len();
            replica.api().publish(EVENT_TYPE, json!({})).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            at(&scene.receiver, MOVED).len() > seen
        };
        eventually_true(EFFECT_LIMIT, "a new URL takes effect", arrives_at_the_new_path).await;
    }
    here.api().publish(EVENT_TYPE, json!({"number": 1})).await;
    there.api().publish(EVENT_TYPE, json!({"number": 2})).await;
    let both_arrived = async || numbers(&at(&scene.receiver, MOVED)) == [1, 2];
    eventually_true(LIMIT, "events go to the new URL", both_arrived).await;
    assert!(numbers(&at(&scene.receiver, PATH)).is_empty(), "nothing goes to the old URL");

    let path = format!("/api/v1/callback-configurations/{configuration}");
    there.api().expect(204, Method::DELETE, &path, None).await;
    for replica in [here, there] {
        let took = scene.await_matches(replica, EVENT_TYPE, 0).await;
        assert!(took < EFFECT_LIMIT, "the deletion took {took:?} to take effect");
    }
    here.api().expect(404, Method::GET, &path, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_configuration_keeps_its_deliveries_until_it_is_resumed() {
    let scene = Scene::with_replicas(2, &[]).await;
    let configuration = scene.configure().await;
    let (here, there) = (scene.replicas[0].api(), scene.replicas[1].api());

    here.change(&configuration, json!({"status": "PAUSED"})).await;
    tokio::time::sleep(EFFECT_LIMIT).await;
    for (api, number) in [(&here, 1), (&there, 2)] {
        assert_eq!(api.publish(EVENT_TYPE, json!({"number": number})).await["matched"], 1);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(numbers(&scene.receiver.requests()).is_empty(), "a paused configuration gets nothing");

    there.change(&configuration, json!({"status": "ACTIVE"})).await;
    let both_arrived = async || numbers(&scene.receiver.requests()) == [1, 2];
    eventually_true(LIMIT, "what was kept is delivered", both_arrived).await;
}
