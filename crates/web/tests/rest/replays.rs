//! Replays of a time range: counted, exact, resumable, cancelled midway.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Service;

const LONG_AGO: &str = "2000-01-01T00:00:00Z";

/// A service with a configuration to which `orders` events and as many others were delivered.
async fn delivered(pool: PgPool, orders: usize) -> (Service, String) {
    let service = Service::start(pool).await;
    let domain = json!({"domain": "example.com", "verified": true});
    assert_eq!(service.post("/api/v1/authorized-domains", &domain).await.status, 201);
    let body = json!({"name": "all", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
    let created = service.post("/api/v1/callback-configurations", &body).await;
    let id = created.json["id"].as_str().expect("an id").to_owned();
    for kind in ["order.created", "invoice_paid"] {
        let events: Vec<Value> = (0..orders)
            .map(|n| json!({"id": format!("{kind}-{n}"), "type": kind, "payload": {"n": n}}))
            .collect();
        assert_eq!(service.post("/api/v1/events/batch", &json!(events)).await.status, 202);
    }
    settled(&service, orders as i64 * 2).await;
    (service, format!("/api/v1/callback-configurations/{id}/replays"))
}

async fn executions(service: &Service) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM callback_executions")
        .fetch_one(&service.pool)
        .await
        .expect("a count")
}

/// Waits until there are so many executions, and sees that they stay so many.
async fn settled(service: &Service, expected: i64) {
    for _ in 0..400 {
        if executions(service).await >= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(executions(service).await, expected);
}

async fn ended(service: &Service, location: &str) -> Value {
    for _ in 0..400 {
        let replay = service.get(location).await.json;
        if replay["state"] != "RUNNING" {
            return replay;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the replay never ended: {}", service.get(location).await.text)
}

#[sqlx::test(migrations = "../../migrations")]
async fn exactly_the_chosen_deliveries_are_made_again(pool: PgPool) {
    let (service, path) = delivered(pool, 30).await;
    let dry = async |body: Value| {
        let answer = service.post(&path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    };
    assert_eq!(dry(json!({"from": LONG_AGO, "dryRun": true})).await, json!({"matched": 60, "more": false}));
    let orders = json!({"from": LONG_AGO, "types": ["order.*"], "statuses": ["SUCCESS"], "dryRun": true});
    assert_eq!(dry(orders).await["matched"], 30);
    let literal = json!({"from": LONG_AGO, "types": ["order_*", "invoice%"], "dryRun": true});
    assert_eq!(dry(literal).await["matched"], 0, "only * is a wildcard");
    let failed = json!({"from": LONG_AGO, "statuses": ["FAILED_PERMANENT"], "dryRun": true});
    assert_eq!(dry(failed).await["matched"], 0);
    let before = json!({"from": LONG_AGO, "to": "2001-01-01T00:00:00Z", "dryRun": true});
    assert_eq!(dry(before).await["matched"], 0);

    let started =
        service.post(&path, &json!({"from": LONG_AGO, "types": ["order.*"], "perSecond": 20})).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let location = started.header("location").to_owned();
    let done = ended(&service, &location).await;
    assert_eq!((&done["state"], &done["queued"]), (&json!("DONE"), &json!(30)), "{done}");
    settled(&service, 90).await;
    let counted: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT count(*), max(attempt)::bigint, min(event_type) FROM callback_executions GROUP BY event_row_id",
    )
    .fetch_all(&service.pool)
    .await
    .expect("counts");
    for (attempts, last, kind) in counted {
        let expected = if kind == "order.created" { 2 } else { 1 };
        assert_eq!((attempts, last), (expected, expected), "{kind}: attempts go on counting, and none twice");
    }
    let listed = service.get(&path).await;
    assert_eq!(listed.json.as_array().map(Vec::len), Some(1), "{}", listed.text);
    assert_eq!(service.post(&format!("{location}/cancel"), &json!({})).await.status, 409);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_cancelled_replay_queues_nothing_more(pool: PgPool) {
    let (service, path) = delivered(pool, 20).await;
    let started = service.post(&path, &json!({"from": LONG_AGO, "perSecond": 10})).await;
    let location = started.header("location").to_owned();
    for _ in 0..200 {
        if service.get(&location).await.json["queued"] != 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cancelled = service.post(&format!("{location}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    let queued = cancelled.json["queued"].as_i64().expect("a count");
    assert!((10..40).contains(&queued), "cancelled midway: {queued}");
    assert_eq!(cancelled.json["state"], "CANCELLED");
    settled(&service, 40 + queued).await;
    assert_eq!(service.get(&location).await.json["queued"], json!(queued));
}

#[sqlx::test(migrations = "../../migrations")]
async fn another_process_goes_on_where_one_ended_and_repeats_nothing(pool: PgPool) {
    let (service, path) = delivered(pool.clone(), 15).await;
    let started = service.post(&path, &json!({"from": LONG_AGO, "perSecond": 10})).await;
    let location = started.header("location").to_owned();
    for _ in 0..200 {
        if service.get(&location).await.json["queued"] != 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // From here on it can do nothing more than a killed one.
    service.close_database().await;
    let other = Service::start(pool).await;
    let done = ended(&other, &location).await;
    assert_eq!((&done["state"], &done["queued"]), (&json!("DONE"), &json!(30)), "{done}");
    settled(&other, 60).await;
    let most: i64 = sqlx::query_scalar(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM callback_executions GROUP BY event_row_id) AS counted",
    )
    .fetch_one(&other.pool)
    .await
    .expect("a count");
    assert_eq!(most, 2, "no event was replayed twice");
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_cannot_be_replayed_is_refused_with_the_field(pool: PgPool) {
    let (service, path) = delivered(pool, 1).await;
    for (body, field) in [
        (json!({}), "from"),
        (json!({"from": "soon"}), "from"),
        (json!({"from": LONG_AGO, "to": LONG_AGO}), "to"),
        (json!({"from": LONG_AGO, "perSecond": 5000}), "perSecond"),
        (json!({"from": LONG_AGO, "statuses": ["GONE"]}), "statuses[0]"),
    ] {
        let refused = service.post(&path, &body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(!refused.messages(field).is_empty(), "{body}: {}", refused.text);
    }
    let nobody = format!("/api/v1/callback-configurations/{}/replays", uuid::Uuid::nil());
    assert_eq!(service.get(&nobody).await.status, 404);
    assert_eq!(service.post(&nobody, &json!({"from": LONG_AGO})).await.status, 404);
    assert_eq!(service.get(&format!("{path}/{}", uuid::Uuid::nil())).await.status, 404);
    assert_eq!(service.get(&format!("{path}/x")).await.status, 400);
}
