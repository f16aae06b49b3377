//! Events in: plain, batched, as CloudEvents; looked up, explained, delivered again.

use std::time::Duration;

use crate::support::{Answer, Service, bare, raw_request};
use serde_json::{Value, json};
use sqlx::PgPool;

const PATH: &str = "/api/v1/events";

/// A service with one verified domain and one configuration that wants `order.*`.
async fn ready(pool: PgPool) -> (Service, String) {
    let service = Service::start(pool).await;
    let domain = json!({"domain": "example.com", "verified": true});
    assert_eq!(service.post("/api/v1/authorized-domains", &domain).await.status, 201);
    let body = json!({"name": "orders", "url": "https://example.com/h", "subscribedEventTypes": ["order.*"],
                      "filterExpression": "region=eu"});
    let created = service.post("/api/v1/callback-configurations", &body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    (service, created.json["id"].as_str().expect("id").to_owned())
}

fn order(id: &str) -> Value {
    json!({"id": id, "type": "order.created", "source": "shop", "payload": {"region": "eu", "n": 1}})
}

/// Asks again until the answer satisfies, for at most ten seconds.
async fn eventually(service: &Service, path: &str, satisfied: impl Fn(&Answer) -> bool) -> Answer {
    for _ in 0..200 {
        let answer = service.get(path).await;
        if satisfied(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} never answered as expected: {}", service.get(path).await.text)
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_event_is_taken_once_and_delivered(pool: PgPool) {
    let (service, configuration) = ready(pool).await;
    let first = service.post(PATH, &order("o-1")).await;
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!(first.json, json!({"eventId": "o-1", "duplicate": false, "matched": 1}));
    let again = service.post(PATH, &order("o-1")).await;
    assert_eq!(again.json, json!({"eventId": "o-1", "duplicate": true, "matched": 1}));
    let unmatched = service.post(PATH, &json!({"type": "other", "payload": null})).await;
    assert_eq!(
        (unmatched.status.as_u16(), &unmatched.json["matched"]),
        (202, &json!(0)),
        "{}",
        unmatched.text
    );

    let event =
        eventually(&service, &format!("{PATH}/o-1"), |a| a.json["deliveries"][0]["state"] == "DELIVERED")
            .await;
    assert_eq!(event.json["payload"], json!({"region": "eu", "n": 1}));
    assert_eq!(event.json["deliveries"][0]["configurationId"], json!(configuration));
    let own = service.get(&format!("{PATH}/{}", event.json["id"].as_str().expect("id"))).await;
    assert_eq!(own.json["eventId"], "o-1", "the service's own id is understood too");

    let executions = format!("/api/v1/callback-executions/by-configuration/{configuration}");
    let executions = eventually(&service, &executions, |a| a.json[0]["status"] == "SUCCESS").await;
    let one = &executions.json[0];
    assert_eq!((&one["attemptNumber"], &one["responseStatusCode"]), (&json!(1), &json!(200)));
    let id = one["id"].as_str().expect("id");
    let read = service.get(&format!("/api/v1/callback-executions/{id}")).await;
    assert_eq!(read.json["eventId"], "o-1", "{}", read.text);
    let delivery = one["deliveryId"].as_str().expect("id");
    let read = service.get(&format!("/api/v1/deliveries/{delivery}")).await;
    assert_eq!((read.status.as_u16(), &read.json["state"]), (200, &json!("DELIVERED")), "{}", read.text);
    assert_eq!(
        service.send(bare("POST", &format!("/api/v1/deliveries/{delivery}/cancel"))).await.status,
        409
    );
    let by_status = service.get("/api/v1/callback-executions/by-status?status=SUCCESS&limit=1").await;
    assert_eq!(by_status.json.as_array().map(Vec::len), Some(1));
    let stats = service.get(&format!("/api/v1/callback-configurations/{configuration}/stats")).await;
    assert_eq!(stats.json["executionsLast24h"]["SUCCESS"], json!(1), "{}", stats.text);
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_was_delivered_can_be_delivered_again(pool: PgPool) {
    let (service, configuration) = ready(pool).await;
    assert_eq!(service.post(PATH, &order("o-1")).await.status, 202);
    let executions = format!("/api/v1/callback-executions/by-configuration/{configuration}");
    let count = |n: usize| move |a: &Answer| a.json.as_array().is_some_and(|rows| rows.len() == n);
    let first = eventually(&service, &executions, count(1)).await;
    let id = first.json[0]["id"].as_str().expect("id");
    let replayed = service.send(bare("POST", &format!("/api/v1/callback-executions/{id}/replay"))).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text);
    eventually(&service, &executions, count(2)).await;
    let replayed = service.send(bare("POST", &format!("{PATH}/o-1/replay"))).await;
    assert_eq!(replayed.json["deliveries"].as_array().map(Vec::len), Some(1), "{}", replayed.text);
    let all = eventually(&service, &executions, count(3)).await;
    let deliveries: Vec<_> =
        all.json.as_array().expect("rows").iter().map(|row| &row["deliveryId"]).collect();
    assert!(deliveries.iter().all(|id| *id == deliveries[0]), "the delivery id is stable: {deliveries:?}");

    let page = service.get(&format!("{executions}?limit=2")).await;
    let link = page.header("link").to_owned();
    let next = link.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect("a link").0;
    assert!(link.ends_with("rel=\"next\""), "{link}");
    let rest = service.get(next).await;
    assert_eq!((rest.json.as_array().map(Vec::len), rest.header("link")), (Some(1), ""));
    assert_eq!(rest.json[0]["id"], first.json[0]["id"], "newest first");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_configuration_can_be_tried(pool: PgPool) {
    let (service, configuration) = ready(pool).await;
    let path = format!("/api/v1/callback-configurations/{configuration}");
    let tried = service.send(bare("POST", &format!("{path}/test"))).await;
    assert_eq!((tried.status.as_u16(), &tried.json["status"]), (200, &json!("SUCCESS")), "{}", tried.text);
    assert_eq!(tried.json["eventType"], "callbacks.test");
    assert_eq!(service.send(bare("POST", &format!("{path}/pause"))).await.status, 200);
    assert_eq!(service.send(bare("POST", &format!("{path}/test"))).await.status, 409);
}

#[sqlx::test(migrations = "../../migrations")]
async fn waiting_deliveries_are_listed_and_cancelled(pool: PgPool) {
    let (service, configuration) = ready(pool).await;
    let pause = format!("/api/v1/callback-configurations/{configuration}/pause");
    assert_eq!(service.send(bare("POST", &pause)).await.status, 200);
    for id in ["a", "b"] {
        assert_eq!(service.post(PATH, &order(id)).await.json["matched"], json!(1));
    }
    let list = format!("/api/v1/deliveries?configurationId={configuration}");
    let waiting =
        eventually(&service, &list, |a| a.json.as_array().is_some_and(|rows| rows.len() == 2)).await;
    assert_eq!(waiting.json[0]["state"], "HELD", "{}", waiting.text);
    let id = waiting.json[0]["id"].as_str().expect("id");
    assert_eq!(service.send(bare("POST", &format!("/api/v1/deliveries/{id}/cancel"))).await.status, 204);
    let left = service.get(&list).await;
    assert_eq!(left.json.as_array().map(Vec::len), Some(1), "{}", left.text);
    assert_eq!(service.get("/api/v1/deliveries/nonsense").await.status, 400);
    let resume = format!("/api/v1/callback-configurations/{configuration}/resume");
    assert_eq!(service.send(bare("POST", &resume)).await.status, 200);
    eventually(&service, &list, |a| a.text == "[]").await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_batch_is_all_or_nothing(pool: PgPool) {
    let (service, _) = ready(pool).await;
    let path = format!("{PATH}/batch");
    let mixed = json!([order("1"), {"payload": 1}, {"type": 5, "payload": 1}, 7]);
    let refused = service.post(&path, &mixed).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(
        !refused.messages("[1].type").is_empty() && !refused.messages("[2].type").is_empty(),
        "{}",
        refused.text
    );
    assert_eq!(service.get(PATH).await.text, "[]", "nothing was stored");
    for body in [json!([]), json!({}), json!(vec![order("x"); 1001])] {
        assert_eq!(service.post(&path, &body).await.status, 400);
    }
    let accepted = service.post(&path, &json!([order("1"), order("2"), order("1")])).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let duplicates: Vec<_> =
        accepted.json.as_array().expect("array").iter().map(|a| &a["duplicate"]).collect();
    assert_eq!(duplicates, [&json!(false), &json!(false), &json!(true)]);
    let mut other = order("3");
    other["tenantId"] = json!("b");
    assert_eq!(service.post(&path, &json!([order("4"), other])).await.status, 400, "one tenant a batch");
}

#[sqlx::test(migrations = "../../migrations")]
async fn cloud_events_come_in_three_modes(pool: PgPool) {
    let (service, _) = ready(pool).await;
    let event = |id: &str| {
        json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "order.created", "subject": "17",
               "time": "2026-01-01T00:00:00Z", "data": {"region": "eu"}})
    };
    let structured = raw_request("POST", PATH, "application/cloudevents+json", event("c-1").to_string());
    let answer = service.send(structured).await;
    assert_eq!((answer.status.as_u16(), &answer.json["matched"]), (202, &json!(1)), "{}", answer.text);
    let stored = service.get(&format!("{PATH}/c-1")).await;
    assert_eq!(
        (&stored.json["source"], &stored.json["payload"]),
        (&json!("/shop"), &json!({"region": "eu"}))
    );
    assert_eq!(stored.json["headers"]["ce-subject"], "17");

    let batch = json!([event("c-2"), event("c-3")]).to_string();
    for path in [PATH.to_owned(), format!("{PATH}/batch")] {
        let request = raw_request("POST", &path, "application/cloudevents-batch+json", batch.clone());
        let answer = service.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json.as_array().map(Vec::len)),
            (202, Some(2)),
            "{}",
            answer.text
        );
    }
    let bad = json!([event("c-4"), {"specversion": "1.0"}]).to_string();
    let answer = service.send(raw_request("POST", PATH, "application/cloudevents-batch+json", bad)).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.messages("[1].type").is_empty(), "{}", answer.text);

    let mut binary = raw_request("POST", PATH, "application/json", "{\"region\": \"eu\"}");
    for (name, value) in
        [("ce-specversion", "1.0"), ("ce-id", "c-5"), ("ce-source", "/shop"), ("ce-type", "order.paid")]
    {
        binary.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let answer = service.send(binary).await;
    assert_eq!((answer.status.as_u16(), &answer.json["eventId"]), (202, &json!("c-5")), "{}", answer.text);
    assert_eq!(service.send(raw_request("POST", PATH, "application/xml", "<a/>")).await.status, 415);
}

#[sqlx::test(migrations = "../../migrations")]
async fn explanations_and_searches(pool: PgPool) {
    let (service, _) = ready(pool).await;
    let path = format!("{PATH}/explain");
    let would = service.post(&path, &order("x")).await;
    assert_eq!((would.status.as_u16(), &would.json["matched"]), (200, &json!(1)), "{}", would.text);
    let would_not = service.post(&path, &json!({"type": "order.created", "payload": {"region": "us"}})).await;
    assert_eq!(would_not.json["matched"], json!(0), "{}", would_not.text);
    assert_eq!(would_not.json["configurations"].as_array().map(Vec::len), Some(1));
    assert_eq!(service.get(PATH).await.text, "[]", "nothing was stored");

    for id in ["1", "2", "3"] {
        service.post(PATH, &order(id)).await;
    }
    for (query, count) in [
        ("", 3),
        ("?limit=2", 2),
        ("?type=order.created", 3),
        ("?type=other", 0),
        ("?eventId=2", 1),
        ("?source=shop&tenantId=default", 3),
        ("?tenantId=other", 0),
        ("?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", 0),
    ] {
        let answer = service.get(&format!("{PATH}{query}")).await;
        assert_eq!(answer.json.as_array().map(Vec::len), Some(count), "{query}: {}", answer.text);
    }
    for query in ["?unknown=1", "?from=yesterday", "?limit=0", "?limit=501", "?cursor=x", "?tenantId="] {
        assert_eq!(service.get(&format!("{PATH}{query}")).await.status, 400, "{query}");
    }
    assert_eq!(service.get(&format!("{PATH}/none")).await.status, 404);
    assert_eq!(service.send(bare("POST", &format!("{PATH}/none/replay"))).await.status, 404);
}

#[sqlx::test(migrations = "../../migrations")]
async fn broken_events_are_refused_by_field(pool: PgPool) {
    let service = Service::start(pool).await;
    for (body, field) in [
        (json!({"payload": 1}), "type"),
        (json!({"type": "t"}), "payload"),
        (json!({"type": " ", "payload": 1}), "type"),
        (json!({"type": "x".repeat(256), "payload": 1}), "type"),
        (json!({"type": "t", "payload": 1, "id": "x".repeat(256)}), "id"),
        (json!({"type": "t", "payload": 1, "occurredAt": "yesterday"}), "occurredAt"),
        (json!({"type": "t", "payload": 1, "headers": {"a": 1}}), "headers"),
        (json!({"type": "t", "payload": 1, "tenantId": ""}), "tenantId"),
    ] {
        let answer = service.post(PATH, &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert!(!answer.messages(field).is_empty(), "{body}: {}", answer.text);
    }
    for body in ["", "null", "[1]", "{\"type\":\"t\",\"payload\":NaN}", "{\"type\":\"t\""] {
        let answer = service.send(raw_request("POST", PATH, "application/json", body)).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (400, &json!("MALFORMED_BODY")),
            "{body}: {}",
            answer.text
        );
    }
}
