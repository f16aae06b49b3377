//! What cannot be signed, written or retried as it is said: refused where it is written, with the field named. Payloads
//! that one profile cannot write are refused for that profile alone, and nothing is lost.

use crate::support::{Answer, Service, raw_request};
use serde_json::{Value, json};
use sqlx::PgPool;

const PATH: &str = "/api/v1/callback-configurations";
const GOOD: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn body(more: &Value) -> Value {
    let mut body = json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

async fn created(service: &Service, more: &Value) -> String {
    let answer = service.post(PATH, &body(more)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    format!("{PATH}/{}", answer.json["id"].as_str().expect("id"))
}

/// The fields an answer complains about, in order.
fn fields(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let errors = answer.json["errors"].as_array().expect("errors");
    errors.iter().map(|error| error["field"].as_str().expect("a name")).collect()
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_bad_field_is_named(pool: PgPool) {
    let service = Service::start(pool).await;
    let schedule = |delays: Value| json!({"retryPolicy": {"type": "SCHEDULE", "delaysMs": delays}});
    for (more, field) in [
        (json!({"wireProfile": "SOAP"}), "wireProfile"),
        (json!({"wireProfile": 7}), "wireProfile"),
        (json!({"signatureSchemes": ["ROT13"], "secret": "s"}), "signatureSchemes[0]"),
        (json!({"wireProfile": "STANDARD_WEBHOOKS", "secret": "no base64!"}), "secret"),
        (json!({"wireProfile": "STANDARD_WEBHOOKS", "secret": "whsec_"}), "secret"),
        (json!({"signatureSchemes": ["STANDARD_WEBHOOKS_ED25519"], "secret": "whsk_AQID"}), "secret"),
        (json!({"wireProfile": "DEALIX"}), "secret"),
        (json!({"secret": "x".repeat(501)}), "secret"),
        (json!({"secret": 7}), "secret"),
        (json!({"customHeaders": {"X-A": "{{secret}}"}}), "customHeaders.X-A"),
        (json!({"customHeaders": {"X-A": "{{ eventid }}"}}), "customHeaders.X-A"),
        (json!({"customHeaders": {"Host": "evil"}}), "customHeaders.Host"),
        (schedule(json!([-1])), "retryPolicy.delaysMs[0]"),
        (schedule(json!([1, 2_592_000_001_i64])), "retryPolicy.delaysMs[1]"),
        (schedule(json!(["1s"])), "retryPolicy.delaysMs[0]"),
        (schedule(json!([])), "retryPolicy.delaysMs"),
        (schedule(json!(vec![1; 51])), "retryPolicy.delaysMs"),
        (json!({"retryPolicy": {"type": "LINEAR", "delayMs": -60}}), "retryPolicy.delayMs"),
        (json!({"retryPolicy": {"type": "LINEAR", "delayMs": 1e18}}), "retryPolicy.delayMs"),
        (json!({"retryPolicy": {"type": "EXPONENTIAL", "multiplier": 1e9}}), "retryPolicy.multiplier"),
        (json!({"retryPolicy": {"type": "EXPONENTIAL", "maxElapsedMs": -1}}), "retryPolicy.maxElapsedMs"),
        (json!({"retryPolicy": {"type": "NEVER"}}), "retryPolicy.type"),
        (json!({"onError": "SHRUG"}), "onError"),
        (json!({"phase": "DURING"}), "phase"),
    ] {
        let answer = service.post(PATH, &body(&more)).await;
        assert!(fields(&answer).contains(&field), "{more} → {}", answer.text);
    }
    assert_eq!(service.get(PATH).await.json["totalElements"], 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_stored_secret_must_fit_new_schemes(pool: PgPool) {
    let service = Service::start(pool).await;
    let path = created(&service, &json!({"secret": "any text", "signatureEnabled": true})).await;
    let schemes = json!({"signatureSchemes": ["FIREFLY", "STANDARD_WEBHOOKS"]});
    let profile = json!({"wireProfile": "STANDARD_WEBHOOKS"});
    for change in [&schemes, &profile] {
        let patched = service.call("PATCH", &path, change).await;
        assert_eq!(fields(&patched), ["signatureSchemes", "secret"]);
        let replaced = service.call("PUT", &path, &body(change)).await;
        assert_eq!(fields(&replaced), ["signatureSchemes", "secret"]);
        assert!(!patched.text.contains("any text"), "no answer shows a secret");
    }
    assert_eq!(service.get(&path).await.json["wireProfile"], "FIREFLY", "nothing was changed");
    let mut both = schemes.clone();
    both["secret"] = json!(GOOD);
    assert_eq!(service.call("PATCH", &path, &both).await.status, 200);
    assert_eq!(service.call("PATCH", &path, &profile).await.status, 200, "now it fits");

    let path = created(&service, &json!({"secret": "whsk_AQID", "signatureEnabled": true})).await;
    let keyed =
        service.call("PATCH", &path, &json!({"signatureSchemes": ["STANDARD_WEBHOOKS_ED25519"]})).await;
    assert_eq!(fields(&keyed), ["signatureSchemes", "secret"]);
    let other = service.call("PATCH", &path, &json!({"signatureSchemes": ["STRIPE", "PYFLY"]})).await;
    assert_eq!(other.status, 200, "these take any secret: {}", other.text);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_rotated_secret_must_fit_the_schemes(pool: PgPool) {
    let service = Service::start(pool).await;
    let path = created(&service, &json!({"wireProfile": "STANDARD_WEBHOOKS", "secret": GOOD})).await;
    let rotation = format!("{path}/secret");
    let refused = service.post(&rotation, &json!({"secret": "no base64!"})).await;
    assert_eq!(fields(&refused), ["secret"]);
    assert_eq!(service.post(&rotation, &json!({"secret": "whsec_AQIDBAUGBwgJCgsMDQ4P"})).await.status, 200);
    assert_eq!(service.post(&rotation, &json!({})).await.status, 200, "a generated one always fits");
    let missing = format!("{PATH}/00000000-0000-7000-8000-000000000000/secret");
    assert_eq!(service.post(&missing, &json!({"secret": "x"})).await.status, 404);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_payload_is_refused_only_where_it_cannot_be_written(pool: PgPool) {
    let service = Service::start(pool).await;
    let domain = json!({"domain": "example.com", "verified": true});
    assert_eq!(service.post("/api/v1/authorized-domains", &domain).await.status, 201);
    let raw = created(&service, &json!({})).await;
    let canonical = created(&service, &json!({"wireProfile": "PYFLY", "secret": "s"})).await;
    let event = |payload: &str| {
        let text = format!(r#"{{"type":"order.created","payload":{payload}}}"#);
        raw_request("POST", "/api/v1/events?wait=20s", "application/json", text)
    };
    for (payload, reason) in [
        ("{\"n\":1e400}", "beyond the range of a double"),
        ("{\"n\":-1e999}", "beyond the range of a double"),
        ("\"\\ud800\"", "surrogate"),
        ("{\"\\udc00\":1}", "surrogate"),
    ] {
        let answer = service.send(event(payload)).await;
        assert_eq!(
            (&answer.json["delivered"], &answer.json["failed"]),
            (&json!(1), &json!(1)),
            "{}",
            answer.text
        );
        for execution in answer.json["executions"].as_array().expect("rows") {
            let id = execution["configurationId"].as_str().expect("id");
            if raw.ends_with(id) {
                assert_eq!(execution["status"], "SUCCESS", "{execution}");
            } else {
                assert!(canonical.ends_with(id));
                assert_eq!(
                    (&execution["status"], &execution["attemptNumber"]),
                    (&json!("FAILED_PERMANENT"), &json!(0))
                );
                assert!(
                    execution["errorMessage"].as_str().is_some_and(|text| text.contains(reason)),
                    "{execution}"
                );
            }
        }
        let id = answer.json["eventId"].as_str().expect("id").to_owned();
        let stored = service.get(&format!("/api/v1/events/{id}")).await;
        assert_eq!(stored.status, 200, "the event is kept");
        assert!(stored.text.contains(payload), "as it was received: {}", stored.text);
    }
    for payload in ["NaN", "Infinity", "[-Infinity]", "{\"a\":}", "'x'"] {
        let answer = service.send(event(payload)).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (400, &json!("MALFORMED_BODY")),
            "{payload}"
        );
    }
}
