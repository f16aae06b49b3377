//! A tenant whose payloads are encrypted with a key of its own, and what is left of it when that key is destroyed.

use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::support::api::Answer as Answered;
use crate::support::arrival::at;
use crate::support::database::TestDatabase;
use crate::support::patience::eventually_true;
use crate::support::replica::Replica;

const MARK: &str = "card-4711-0815";
/// What is promised.
const EFFECT_LIMIT: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(20);
const TENANT: &str = "/api/v1/tenants/acme";

/// Stored payloads and response bodies, and how many of them show the mark.
async fn stored(database: &Url) -> (i64, i64) {
    let mut connection = PgConnection::connect(database.as_str()).await.expect("connects");
    sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE position(convert_to($1, 'UTF8') IN value) > 0)
         FROM (SELECT payload AS value FROM events WHERE tenant_id = 'acme'
               UNION ALL SELECT convert_to(response_body, 'UTF8') FROM callback_executions
               WHERE tenant_id = 'acme' AND response_body IS NOT NULL) AS stored",
    )
    .bind(MARK)
    .fetch_one(&mut connection)
    .await
    .expect("counts")
}

async fn send(replica: &Replica) -> Answered {
    let event = json!({"type": "order.created", "tenantId": "acme", "payload": {"card": MARK}});
    replica.api().call(Method::POST, "/api/v1/events", Some(&event)).await.expect("the service answers")
}

async fn publish(replica: &Replica) -> Value {
    let answer = send(replica).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.body
}

/// Its producers may not have heard yet; a row that cannot be refused must not lie there for ever either.
async fn events_of_the_outbox_are_dropped(database: &Url, replicas: [&Replica; 2]) {
    let mut connection = PgConnection::connect(database.as_str()).await.expect("connects");
    let before = stored(database).await;
    let publish = "SELECT callbacks.publish('acme', 'order.created', '{}')";
    sqlx::query(publish).execute(&mut connection).await.expect("is published");
    eventually_true(LIMIT, "the outbox is empty", async || {
        let count = "SELECT count(*) FROM callbacks.outbox";
        let left: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("counts");
        left == 0
    })
    .await;
    assert_eq!(stored(database).await, before, "nothing is stored for a deleted tenant");
    let told = replicas.iter().any(|replica| replica.log().contains("dropped: the tenant acme was deleted"));
    assert!(told, "the log says what became of it");
}

async fn event(replica: &Replica, id: &str) -> Value {
    replica.api().expect(200, Method::GET, &format!("/api/v1/events/{id}"), None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_are_encrypted_for_readers_of_the_database_and_gone_with_the_tenant() {
    let database = TestDatabase::create().await;
    let receiver = WebhookReceiver::start().await;
    receiver.answer_all(Answer::status(200).body(MARK));
    let here = Replica::start(database.url(), &[]).await;
    let there = Replica::start(database.url(), &[]).await;
    let api = here.api();
    api.expect(201, Method::POST, "/api/v1/tenants", Some(&json!({"id": "acme"}))).await;
    let option = json!({"payloadEncryption": true});
    let changed = api.expect(200, Method::PATCH, TENANT, Some(&option)).await;
    assert_eq!(changed["payloadEncryption"], true);
    let domain =
        json!({"domain": receiver.host(), "tenantId": "acme", "verified": true, "requireHttps": false});
    api.expect(201, Method::POST, "/api/v1/authorized-domains", Some(&domain)).await;
    api.configure(&receiver.url("/hook"), "order.created", json!({"tenantId": "acme"})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    // Accepted by both, delivered in the clear, stored sealed, shown in the clear.
    let mut events = Vec::new();
    for replica in [&here, &there] {
        let accepted = publish(replica).await;
        assert_eq!(accepted["matched"], 1, "{accepted}");
        events.push(accepted["eventId"].as_str().expect("an id").to_owned());
    }
    eventually_true(LIMIT, "both arrive", async || at(&receiver, "/hook").len() == 2).await;
    assert!(
        at(&receiver, "/hook").iter().all(|request| String::from_utf8_lossy(&request.body).contains(MARK))
    );
    eventually_true(LIMIT, "both are recorded", async || stored(&database.url()).await.0 == 4).await;
    assert_eq!(stored(&database.url()).await.1, 0, "nothing is stored in the clear");
    for id in &events {
        assert_eq!(event(&there, id).await["payload"]["card"], MARK);
        there.api().expect(202, Method::POST, &format!("/api/v1/events/{id}/replay"), None).await;
    }
    eventually_true(LIMIT, "a replay sends the same", async || at(&receiver, "/hook").len() == 4).await;
    assert!(
        at(&receiver, "/hook").iter().all(|request| String::from_utf8_lossy(&request.body).contains(MARK))
    );

    // One delivery waits for its retry while the tenant is deleted.
    receiver.answer_all(Answer::status(503));
    publish(&there).await;
    eventually_true(LIMIT, "an attempt fails", async || at(&receiver, "/hook").len() == 5).await;
    let start = Instant::now();
    api.expect(204, Method::DELETE, TENANT, None).await;
    for replica in [&here, &there] {
        let unreadable = async || {
            let view = event(replica, &events[0]).await;
            view["payload"].is_null() && view["payloadBase64"].is_null()
        };
        eventually_true(EFFECT_LIMIT, "the payload cannot be read any more", unreadable).await;
        let refused = async || {
            let answer = send(replica).await;
            answer.status == 400 && answer.body["errors"][0]["field"] == "tenantId"
        };
        eventually_true(EFFECT_LIMIT, "nothing is taken on for it any more", refused).await;
    }
    assert!(start.elapsed() < EFFECT_LIMIT, "{:?}", start.elapsed());
    events_of_the_outbox_are_dropped(&database.url(), [&here, &there]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let settled = at(&receiver, "/hook").len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(at(&receiver, "/hook").len(), settled, "no retry is made");
    api.expect(204, Method::DELETE, TENANT, None).await;
    api.expect(404, Method::GET, TENANT, None).await;
    api.expect(404, Method::DELETE, "/api/v1/tenants/nobody", None).await;
    api.expect(409, Method::POST, "/api/v1/tenants", Some(&json!({"id": "acme"}))).await;
}
