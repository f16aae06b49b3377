//! Gates are asked before an event happens: they let it pass, cancel it, or fail to answer.

use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::arrival::{at, header};
use crate::support::scene::Scene;

const ASK: &str = "/api/v1/events?phase=before";
const EVENT: &str = "adjust";
const CANCEL: &str = "application/vnd.opsani.servo.errors.CancelEventError+json";

/// A gate of the receiver's at `path`.
async fn gate(scene: &Scene, path: &str, changes: Value) -> String {
    let mut body = json!({"phase": "BEFORE", "wireProfile": "SERVO", "name": path, "timeoutMs": 5000});
    for (field, value) in changes.as_object().expect("an object") {
        body[field] = value.clone();
    }
    scene.replicas[0].api().configure(&scene.receiver.url(path), EVENT, body).await
}

async fn ask(api: &Api) -> Value {
    let event = json!({"id": "adjust-1", "type": EVENT, "payload": {"replicas": 3}});
    api.expect(200, Method::POST, ASK, Some(&event)).await
}

fn veto(reason: &str) -> Answer {
    Answer::status(200).header("content-type", CANCEL).body(json!({"reason": reason}).to_string())
}

/// The one execution of a gate.
async fn only_execution(api: &Api, gate: &str) -> Value {
    let path = format!("/api/v1/callback-executions/by-configuration/{gate}");
    let rows = api.expect(200, Method::GET, &path, None).await;
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
    rows[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_without_gates_and_with_a_willing_one_proceeds() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    let free = ask(&api).await;
    assert_eq!(
        free,
        json!({"decision": "PROCEED", "reason": null, "by": null, "eventId": "adjust-1", "gates": []})
    );

    let willing =
        gate(&scene, "/willing", json!({"customHeaders": {"Authorization": "Bearer canary"}})).await;
    let other = json!({"phase": "BEFORE", "wireProfile": "SERVO"});
    api.configure(&scene.receiver.url("/other"), "measure", other).await;
    let answer = ask(&api).await;
    assert_eq!(answer["decision"], "PROCEED", "{answer}");
    assert_eq!(answer["gates"][0]["configurationId"], json!(willing));
    assert_eq!(answer["gates"][0]["answered"], true);

    let [request] = &scene.receiver.requests()[..] else { panic!("one gate was asked once") };
    assert_eq!(header(request, "content-type"), Some("application/vnd.opsani.servo-webhooks+json"));
    assert!(header(request, "x-servo-signature").is_some_and(|signature| signature.len() == 40));
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!((&body["event"], &body["results"]), (&json!("before:adjust"), &json!({"replicas": 3})));

    let execution = only_execution(&api, &willing).await;
    assert_eq!((&execution["status"], &execution["attemptNumber"]), (&json!("SUCCESS"), &json!(1)));
    assert_eq!(execution["eventId"], "adjust-1");
    assert_eq!(header(request, "authorization"), Some("Bearer canary"));
    assert!(!execution.to_string().contains("canary"), "credentials are masked: {execution}");
    let stored = api.call(Method::GET, "/api/v1/events/adjust-1", None).await.expect("an answer");
    assert_eq!(stored.status, 404, "an event that is about to happen is not stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_cancels_with_its_reason() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    gate(&scene, "/willing", json!({})).await;
    let strict = gate(&scene, "/strict", json!({})).await;
    scene.receiver.script("/strict", [veto("Unable to authorize adjustment")]);
    let answer = ask(&api).await;
    assert_eq!(
        (&answer["decision"], &answer["reason"], &answer["by"]),
        (&json!("CANCELLED"), &json!("Unable to authorize adjustment"), &json!(strict)),
        "{answer}"
    );
    assert_eq!(answer["gates"].as_array().map(Vec::len), Some(2));
    let execution = only_execution(&api, &strict).await;
    assert_eq!(execution["status"], "SUCCESS");
    assert_eq!(execution["errorMessage"], "The gate cancelled the event: Unable to authorize adjustment");

    let ours = Answer::status(201)
        .header("content-type", "application/vnd.callbacks.cancel+json; charset=utf-8")
        .body(r#"{"reason":"frozen"}"#);
    scene.receiver.script("/strict", [ours]);
    assert_eq!(ask(&api).await["reason"], "frozen");
    scene.receiver.script("/strict", [Answer::status(403).header("content-type", CANCEL)]);
    assert_eq!(ask(&api).await["decision"], "PROCEED", "only 2xx cancels");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_to_answer_is_decided_by_on_error() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    let silent = gate(&scene, "/silent", json!({"timeoutMs": 1000})).await;
    let broken = gate(&scene, "/broken", json!({"maxRetries": 3})).await;
    scene.receiver.script("/silent", [Answer::never()]);
    scene.receiver.script("/broken", [Answer::status(500)]);
    let answer = ask(&api).await;
    assert_eq!((&answer["decision"], &answer["by"]), (&json!("PROCEED"), &Value::Null), "{answer}");
    for index in [0, 1] {
        assert_eq!(answer["gates"][index]["answered"], false, "{answer}");
        assert!(answer["gates"][index]["reason"].is_string(), "{answer}");
    }
    assert_eq!(at(&scene.receiver, "/broken").len(), 1, "gates are asked once");
    let execution = only_execution(&api, &broken).await;
    assert_eq!(
        (&execution["status"], &execution["responseStatusCode"]),
        (&json!("FAILED_PERMANENT"), &json!(500))
    );
    assert!(
        execution["errorMessage"].as_str().is_some_and(|text| text.contains("onError PROCEED")),
        "{execution}"
    );

    api.change(&broken, json!({"onError": "CANCEL"})).await;
    let answer = ask(&api).await;
    assert_eq!((&answer["decision"], &answer["by"]), (&json!("CANCELLED"), &json!(broken)), "{answer}");
    assert_eq!(answer["reason"], "/broken did not answer: HTTP 500 Internal Server Error");

    api.change(&broken, json!({"onError": "PROCEED"})).await;
    api.change(&silent, json!({"onError": "CANCEL"})).await;
    assert_eq!(ask(&api).await["by"], json!(silent), "a timeout counts as an error");

    api.change(&silent, json!({"url": "http://127.0.0.1:1234/unauthorized", "onError": "CANCEL"})).await;
    let answer = ask(&api).await;
    assert!(answer["reason"].as_str().is_some_and(|text| text.contains("Domain not authorized")), "{answer}");
    api.change(&silent, json!({"status": "PAUSED"})).await;
    assert_eq!(ask(&api).await["decision"], "CANCELLED", "a paused strict gate does not let events pass");
    api.change(&silent, json!({"status": "DISABLED"})).await;
    assert_eq!(ask(&api).await["decision"], "PROCEED", "a gate that was switched off is none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_gate_delays_nobody_beyond_its_own_time() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    for path in ["/a", "/b", "/c", "/d"] {
        gate(&scene, path, json!({})).await;
        scene.receiver.script(path, [Answer::status(200).after(Duration::from_millis(600))]);
    }
    gate(&scene, "/slow", json!({"timeoutMs": 1500})).await;
    scene.receiver.script("/slow", [Answer::status(200).after(Duration::from_secs(4))]);
    let started = Instant::now();
    let answer = ask(&api).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1400), "the slow gate has its own time: {took:?}");
    assert!(took < Duration::from_millis(3500), "and no more, and all are asked at once: {took:?}");
    let answered: Vec<_> =
        answer["gates"].as_array().expect("gates").iter().map(|one| &one["answered"]).collect();
    assert_eq!(answered, [true, true, true, true, false], "{answer}");
    let arrivals: Vec<Instant> =
        scene.receiver.requests().iter().map(|request| request.received_at).collect();
    let spread = arrivals.iter().max().zip(arrivals.iter().min()).map(|(last, first)| *last - *first);
    assert!(spread < Some(Duration::from_millis(500)), "asked together: {spread:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordinary_events_pass_gates_by() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    gate(&scene, "/gate", json!({})).await;
    let after = api.configure(&scene.receiver.url("/after"), EVENT, json!({"wireProfile": "SERVO"})).await;
    assert_eq!(ask(&api).await["decision"], "PROCEED");
    assert_eq!(api.publish(EVENT, json!([])).await["matched"], 1);
    let patience = Duration::from_secs(10);
    let requests = scene.receiver.wait_for(2, patience).await;
    let events: Vec<Value> = requests
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).expect("JSON")["event"].clone())
        .collect();
    assert_eq!(events, ["before:adjust", "after:adjust"]);
    assert_eq!(at(&scene.receiver, "/gate").len(), 1);
    assert!(!after.is_empty());
}
