//! A producer that waits is answered when the first attempts are made, whichever replica makes them.

use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

async fn publish(api: &Api, wait: &str, expected: u16) -> (Value, Duration) {
    let event = json!({"type": EVENT_TYPE, "payload": {}});
    let started = Instant::now();
    let answer =
        api.expect(expected, Method::POST, &format!("/api/v1/events?wait={wait}"), Some(&event)).await;
    (answer, started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_comes_with_the_slowest_first_attempt() {
    let scene = Scene::with_replicas(1, &[]).await;
    scene.configure().await;
    let api = scene.replicas[0].api();
    api.configure(&scene.receiver.url("/slow"), EVENT_TYPE, json!({})).await;
    scene.receiver.script("/slow", [Answer::status(200).after(Duration::from_millis(1500))]);
    let (answer, took) = publish(&api, "15s", 200).await;
    assert_eq!((&answer["delivered"], &answer["pending"]), (&json!(2), &json!(0)), "{answer}");
    assert!(took >= Duration::from_millis(1500) && took < Duration::from_secs(6), "{took:?}");

    scene.receiver.script(PATH, [Answer::status(503)]);
    let (answer, _) = publish(&api, "15s", 202).await;
    assert_eq!((&answer["delivered"], &answer["pending"]), (&json!(1), &json!(1)), "{answer}");
    let states: Vec<_> =
        answer["deliveries"].as_array().expect("rows").iter().map(|one| &one["state"]).collect();
    assert!(states.contains(&&json!("RETRYING")), "a failed first attempt is not waited for: {answer}");

    scene.receiver.script("/slow", [Answer::status(200).after(Duration::from_secs(5))]);
    let (answer, took) = publish(&api, "PT1S", 202).await;
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
    assert_eq!(answer["pending"], 2, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_another_replica_makes_is_seen() {
    let scene = Scene::with_replicas(2, &[]).await;
    let configuration = scene.configure().await;
    let (here, there) = (scene.replicas[0].api(), scene.replicas[1].api());
    here.change(&configuration, json!({"status": "PAUSED"})).await;
    let waiting = tokio::spawn(async move { publish(&here, "15s", 200).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    there.change(&configuration, json!({"status": "ACTIVE"})).await;
    let (answer, took) = waiting.await.expect("it ends");
    assert_eq!(answer["delivered"], 1, "{answer}");
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_opens_no_connection() {
    let scene = Scene::with_replicas(1, &[("CALLBACKS_DISPATCHER__DRY_RUN", "true")]).await;
    scene.configure().await;
    let (answer, _) = publish(&scene.replicas[0].api(), "15s", 200).await;
    assert_eq!((&answer["skipped"], &answer["delivered"]), (&json!(1), &json!(0)), "{answer}");
    let execution = &answer["executions"][0];
    assert_eq!(execution["errorMessage"], "dry run: the request was built and signed, and not sent");
    assert!(execution["requestHeaders"]["x-firefly-signature"].is_string(), "{execution}");
    assert_eq!(scene.receiver.connections(), 0);
}
