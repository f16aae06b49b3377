//! `POST /events?wait=` and `?phase=`: what they take, what they refuse, and what the answer says.

use std::time::{Duration, Instant};

use crate::support::{Service, json_request, raw_request};
use serde_json::{Value, json};
use sqlx::PgPool;

const PATH: &str = "/api/v1/events";

async fn ready(pool: PgPool) -> Service {
    let service = Service::start(pool).await;
    let domain = json!({"domain": "example.com", "verified": true});
    assert_eq!(service.post("/api/v1/authorized-domains", &domain).await.status, 201);
    service
}

async fn configure(service: &Service, more: Value) -> String {
    let mut body =
        json!({"name": "orders", "url": "https://example.com/h", "subscribedEventTypes": ["order.*"]});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let created = service.post("/api/v1/callback-configurations", &body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    created.json["id"].as_str().expect("id").to_owned()
}

fn order(id: &str) -> Value {
    json!({"id": id, "type": "order.created", "payload": {"region": "eu"}})
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_answer_has_every_result(pool: PgPool) {
    let service = ready(pool).await;
    let good = configure(&service, json!({})).await;
    let refused = configure(&service, json!({"url": "https://elsewhere.org/h"})).await;
    let filtered = configure(&service, json!({"filterExpression": "region=us"})).await;
    for wait in ["PT20S", "20s", "20"] {
        let answer = service.post(&format!("{PATH}?wait={wait}"), &order(wait)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let summary =
            ["eventId", "eventType", "duplicate", "matched", "delivered", "failed", "skipped", "pending"]
                .map(|name| answer.json[name].clone());
        assert_eq!(summary[..4], [json!(wait), json!("order.created"), json!(false), json!(2)]);
        assert_eq!(summary[4..], [json!(1), json!(1), json!(1), json!(0)], "{}", answer.text);
        let statuses: Vec<_> = answer.json["executions"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| {
                (row["configurationId"].as_str().expect("id"), row["status"].as_str().expect("status"))
            })
            .collect();
        assert_eq!(statuses.len(), 3, "{statuses:?}");
        for expected in [
            (good.as_str(), "SUCCESS"),
            (refused.as_str(), "FAILED_PERMANENT"),
            (filtered.as_str(), "SKIPPED"),
        ] {
            assert!(statuses.contains(&expected), "{statuses:?}");
        }
        assert_eq!(answer.json["deliveryIds"].as_array().map(Vec::len), Some(3));
        assert!(answer.json.get("rowId").is_none(), "{}", answer.text);
    }
    let again = service.post(&format!("{PATH}?wait=20s"), &order("20")).await;
    assert_eq!(
        (&again.json["duplicate"], &again.json["delivered"]),
        (&json!(true), &json!(1)),
        "{}",
        again.text
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn nothing_to_wait_for_is_answered_at_once(pool: PgPool) {
    let service = ready(pool).await;
    let started = Instant::now();
    let answer = service.post(&format!("{PATH}?wait=20s"), &order("a")).await;
    assert_eq!((answer.status.as_u16(), &answer.json["matched"]), (200, &json!(0)));
    configure(&service, json!({"status": "PAUSED"})).await;
    let zero = service.post(&format!("{PATH}?wait=0"), &order("b")).await;
    assert_eq!((zero.status.as_u16(), &zero.json["pending"]), (202, &json!(1)), "{}", zero.text);
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_is_held_is_pending_when_the_time_is_over(pool: PgPool) {
    let service = ready(pool).await;
    configure(&service, json!({"status": "PAUSED"})).await;
    let started = Instant::now();
    let answer = service.post(&format!("{PATH}?wait=700ms"), &order("a")).await;
    assert!(started.elapsed() >= Duration::from_millis(700));
    assert_eq!((answer.status.as_u16(), &answer.json["pending"]), (202, &json!(1)), "{}", answer.text);
    assert_eq!(answer.json["deliveries"][0]["state"], "HELD");
    assert_eq!(answer.json["executions"], json!([]));
}

#[sqlx::test(migrations = "../../migrations")]
async fn refusals_name_the_parameter(pool: PgPool) {
    let service = ready(pool).await;
    for (query, field, message) in [
        ("wait=soon", "wait", "wait: \"soon\" is not a duration; write 30s, 1h30m or PT30S"),
        ("wait=-PT1S", "wait", "wait: \"-PT1S\" is not a duration; write 30s, 1h30m or PT30S"),
        ("wait=PT26S", "wait", "wait must not exceed 25 s"),
        ("wait=1h", "wait", "wait must not exceed 25 s"),
        ("phase=during", "phase", "phase must be before or after"),
        ("phase=before&wait=1s", "wait", "Gates are always waited for; leave wait out where phase is before"),
        ("waits=1s", "waits", "Unknown query parameter 'waits'; known are phase and wait"),
    ] {
        let answer = service.post(&format!("{PATH}?{query}"), &order("a")).await;
        assert_eq!((answer.status.as_u16(), answer.messages(field)), (400, vec![message]), "{}", answer.text);
    }
    for (query, field) in [("wait=1s", "wait"), ("phase=before", "phase")] {
        let answer = service.post(&format!("{PATH}/batch?{query}"), &json!([order("a")])).await;
        assert_eq!((answer.status.as_u16(), answer.messages(field).len()), (400, 1), "{}", answer.text);
        let batch =
            raw_request("POST", &format!("{PATH}?{query}"), "application/cloudevents-batch+json", "[]");
        assert_eq!(service.send(batch).await.messages(field).len(), 1);
    }
    assert_eq!(service.get(PATH).await.text, "[]", "nothing was stored");
}

#[sqlx::test(migrations = "../../migrations")]
async fn gates_are_asked_once_per_idempotency_key(pool: PgPool) {
    let service = ready(pool).await;
    let gate = configure(&service, json!({"phase": "BEFORE"})).await;
    let ask = || {
        let mut request = json_request("POST", &format!("{PATH}?phase=before"), &order("a"));
        request.headers_mut().insert("x-idempotency-key", "once".parse().expect("a value"));
        request
    };
    let first = service.send(ask()).await;
    assert_eq!((first.status.as_u16(), &first.json["decision"]), (200, &json!("PROCEED")), "{}", first.text);
    let second = service.send(ask()).await;
    assert_eq!((second.status, &second.text), (first.status, &first.text));
    let path = format!("/api/v1/callback-executions/by-configuration/{gate}");
    assert_eq!(service.get(&path).await.json.as_array().map(Vec::len), Some(1));
    let mut other = json_request("POST", &format!("{PATH}?phase=before"), &order("b"));
    other.headers_mut().insert("x-idempotency-key", "once".parse().expect("a value"));
    assert_eq!(service.send(other).await.status, 422);
    let execution = &service.get(&path).await.json[0];
    let replay = format!("/api/v1/callback-executions/{}/replay", execution["id"].as_str().expect("id"));
    let refused = service.send(crate::support::bare("POST", &replay)).await;
    assert_eq!(refused.status, 404, "an ask cannot be delivered again: {}", refused.text);
}
