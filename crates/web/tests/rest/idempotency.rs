//! `X-Idempotency-Key`: done once, answered twice.

use crate::support::{Service, bare, json_request};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use sqlx::PgPool;

const PATH: &str = "/api/v1/authorized-domains";

fn keyed(key: &str, method: &str, path: &str, body: &Value) -> Request<Body> {
    let mut request = json_request(method, path, body);
    request.headers_mut().insert("x-idempotency-key", key.parse().expect("a header value"));
    request
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_repeat_gets_the_first_answer(pool: PgPool) {
    let service = Service::start(pool).await;
    let body = json!({"domain": "a.example"});
    let first = service.send(keyed("k", "POST", PATH, &body)).await;
    let second = service.send(keyed("k", "POST", PATH, &body)).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201), "{}", second.text);
    assert_eq!(first.text, second.text);
    assert_eq!(first.header("content-type"), second.header("content-type"));
    assert_eq!(first.header("location"), second.header("location"));
    let one = format!("{PATH}/{}?domain=a.example", first.json["id"].as_str().expect("id"));
    for _ in 0..2 {
        let mut request = bare("DELETE", &one);
        request.headers_mut().insert("x-idempotency-key", "d".parse().expect("a header value"));
        assert_eq!(service.send(request).await.status, 204, "an answer without a body is replayed too");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn refusals_are_replayed_and_reuse_is_refused(pool: PgPool) {
    let service = Service::start(pool).await;
    let bad = service.send(keyed("k", "POST", PATH, &json!({"domain": ""}))).await;
    let again = service.send(keyed("k", "POST", PATH, &json!({"domain": ""}))).await;
    assert_eq!((bad.status.as_u16(), &bad.text), (400, &again.text));
    let other = service.send(keyed("k", "POST", PATH, &json!({"domain": "b.example"}))).await;
    assert_eq!((other.status.as_u16(), &other.json["code"]), (422, &json!("IDEMPOTENCY_KEY_REUSED")));
    let elsewhere = "/api/v1/event-subscriptions";
    let body = json!({"name": "n", "messagingSystemType": "KAFKA", "topicOrQueue": "t"});
    assert_eq!(
        service.send(keyed("k", "POST", elsewhere, &body)).await.status,
        201,
        "another path is another scope"
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn concurrent_repeats_wait_for_the_first(pool: PgPool) {
    let service = Service::start(pool).await;
    let body = json!({"domain": "c.example"});
    let repeats = (0..8).map(|_| service.send(keyed("same", "POST", PATH, &body)));
    let answers = futures::future::join_all(repeats).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.text), (201, &answers[0].text));
    }
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM authorized_domains")
        .fetch_one(&service.pool)
        .await
        .expect("a count");
    assert_eq!(count, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn unusable_keys_are_refused(pool: PgPool) {
    let service = Service::start(pool).await;
    for key in ["", "   ", &"x".repeat(256)] {
        let answer = service.send(keyed(key, "POST", PATH, &json!({"domain": "d.example"}))).await;
        assert_eq!(answer.status, 400, "{key:?}: {}", answer.text);
        assert!(answer.text.contains("Invalid X-Idempotency-Key header"), "{}", answer.text);
    }
    let mut read = bare("GET", PATH);
    read.headers_mut().insert("x-idempotency-key", "r".parse().expect("a header value"));
    assert_eq!(service.send(read).await.status, 200, "reads accept the header and ignore it");
}
