//! The README's tour: an event becomes a signed request; a broken receiver gets it again until it is mended.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_testkit::webhook_receiver::{Answer, ReceivedRequest};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::api::{Api, SECRET};
use crate::support::arrival::{at, delivery_id, header, number};
use crate::support::patience::{eventually, eventually_true};
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const LIMIT: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_becomes_a_signed_request_and_an_execution() {
    let scene = Scene::with_replicas(1, &[]).await;
    let (api, configuration) = (scene.replicas[0].api(), scene.configure().await);

    let accepted = api.publish(EVENT_TYPE, json!({"number": 1, "total": 12.50})).await;
    assert_eq!(accepted["matched"], 1);
    assert_eq!(accepted["duplicate"], false);

    let (request, _) = eventually(LIMIT, "the event arrives", async || arrival(&scene, 1)).await;
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(header(&request, "x-event-type"), Some(EVENT_TYPE));
    assert_eq!(header(&request, "x-event-id"), accepted["eventId"].as_str());
    assert!(header(&request, "x-timestamp").is_some());
    assert!(delivery_id(&request).is_some());
    assert_eq!(header(&request, "x-firefly-signature"), Some(signature(&request.body).as_str()));

    let execution = execution_of(&api, &configuration, "SUCCESS", &accepted).await;
    assert_eq!(execution["attemptNumber"], 1);
    assert_eq!(execution["responseStatusCode"], 200);
    assert_eq!(execution["eventType"], EVENT_TYPE);
    assert!(execution["nextRetryAt"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_receiver_gets_the_event_again_and_a_mended_one_keeps_it() {
    let scene = Scene::with_replicas(1, &[]).await;
    let (api, configuration) = (scene.replicas[0].api(), scene.configure().await);
    scene.receiver.script(PATH, [Answer::status(500)]);

    let accepted = api.publish(EVENT_TYPE, json!({"number": 7})).await;
    let failed = execution_of(&api, &configuration, "FAILED_RETRYING", &accepted).await;
    assert_eq!(failed["responseStatusCode"], 500);
    assert_eq!(failed["attemptNumber"], 1);
    assert!(failed["nextRetryAt"].is_string(), "a retry is due: {failed}");

    scene.receiver.script(PATH, [Answer::status(200)]);
    let success = execution_of(&api, &configuration, "SUCCESS", &accepted).await;
    assert!(success["attemptNumber"].as_i64() >= Some(2), "{success}");
    let arrivals: Vec<ReceivedRequest> =
        at(&scene.receiver, PATH).into_iter().filter(|request| number(request) == Some(7)).collect();
    assert_eq!(
        arrivals.len() as i64,
        success["attemptNumber"].as_i64().unwrap_or_default(),
        "one row an attempt"
    );
    assert!(arrivals.iter().all(|request| delivery_id(request) == delivery_id(&arrivals[0])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_finds_the_documents_and_the_gauges() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    for path in ["/v3/api-docs", "/actuator/health", "/actuator/health/liveness", "/actuator/info"] {
        let body = api.expect(200, Method::GET, path, None).await;
        assert!(body.is_object(), "{path} answers JSON: {body}");
    }
    for path in ["/swagger-ui.html", "/actuator/prometheus", "/metrics"] {
        api.expect(200, Method::GET, path, None).await;
    }
    let unknown = api.expect(404, Method::GET, "/api/v1/no-such-thing", None).await;
    assert!(unknown.is_object(), "an error is JSON: {unknown}");
}

fn arrival(scene: &Scene, expected: u64) -> Option<ReceivedRequest> {
    at(&scene.receiver, PATH).into_iter().find(|request| number(request) == Some(expected))
}

async fn execution_of(api: &Api, configuration: &str, status: &str, accepted: &Value) -> Value {
    let what = format!("the event has an execution with status {status}");
    let is_of_event = |execution: &Value| execution["eventId"] == accepted["eventId"];
    eventually(LIMIT, &what, async || {
        let executions = api.executions(configuration, status).await;
        executions.into_iter().filter(is_of_event).min_by_key(|found| found["attemptNumber"].as_i64())
    })
    .await
    .0
}

/// Computed here from the definition, not with the code under test: base64 of HMAC-SHA256 over the body.
pub(crate) fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length will do");
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_for_good_is_reported_and_not_called_again() {
    let scene = Scene::with_replicas(1, &[]).await;
    let (api, configuration) = (scene.replicas[0].api(), scene.configure().await);
    scene.receiver.script(PATH, [Answer::status(404)]);
    let accepted = api.publish(EVENT_TYPE, json!({"number": 9})).await;
    let failed = execution_of(&api, &configuration, "FAILED_PERMANENT", &accepted).await;
    assert!(failed["nextRetryAt"].is_null(), "{failed}");
    scene.receiver.script(PATH, [Answer::status(200)]);
    api.publish(EVENT_TYPE, json!({"number": 10})).await;
    eventually_true(LIMIT, "the next event arrives", async || arrival(&scene, 10).is_some()).await;
    let again = at(&scene.receiver, PATH).iter().filter(|request| number(request) == Some(9)).count();
    assert_eq!(again, 1, "a permanent failure is not repeated");
}
