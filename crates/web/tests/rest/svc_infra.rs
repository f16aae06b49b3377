//! svc-infra's `/_webhooks` routes, with the requests its clients send and the answers they read.

use callbacks_core::access::role::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::Guarded;
use crate::support::{Answer, Service, json_request};

const SUBSCRIPTIONS: &str = "/_webhooks/subscriptions";
const TEST_FIRE: &str = "/_webhooks/test-fire";
const CONFIGURATIONS: &str = "/api/v1/callback-configurations";

/// (topic, URL) → secret version, as recorded from svc-infra itself.
fn recorded() -> Value {
    serde_json::from_str(include_str!("../vectors/outbox_inbox.json")).expect("JSON")
}

async fn subscribe(service: &Service, topic: &str, url: &str, secret: &str) {
    let answer = service.post(SUBSCRIPTIONS, &json!({"topic": topic, "url": url, "secret": secret})).await;
    assert_eq!((answer.status.as_u16(), &answer.json), (200, &json!({"ok": true})), "{}", answer.text);
}

async fn configurations(service: &Service) -> Vec<Value> {
    service.get(&format!("{CONFIGURATIONS}?sort=createdAt,asc")).await.json["content"]
        .as_array()
        .expect("rows")
        .clone()
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_same_topic_and_url_are_one_subscription(pool: PgPool) {
    let service = Service::start(pool).await;
    for (topic, url, secret) in [
        ("t", "https://a", "s1"),
        ("t", "https://b", "s3"),
        ("u", "https://a", "s4"),
        ("t", "https://a", "s2"),
    ] {
        subscribe(&service, topic, url, secret).await;
    }
    let rows = configurations(&service).await;
    let expected = recorded()["upsert"].clone();
    for topic in ["t", "u"] {
        let urls: Vec<&Value> = rows
            .iter()
            .filter(|row| row["subscribedEventTypes"] == json!([topic]))
            .map(|row| &row["url"])
            .collect();
        let recorded: Vec<String> = expected[topic]
            .as_array()
            .expect("a list")
            .iter()
            .map(|pair| format!("{}/", pair[0].as_str().expect("a URL")))
            .collect();
        assert_eq!(json!(urls), json!(recorded), "{topic}");
    }
    assert!(rows.iter().all(|row| row["wireProfile"] == "SVC_INFRA" && row["signatureEnabled"] == true));
    let id = rows[0]["id"].clone();
    let before = rows[0]["updatedAt"].clone();
    subscribe(&service, "t", "https://a", "s2").await;
    let again = configurations(&service).await;
    assert_eq!((&again[0]["id"], &again[0]["updatedAt"]), (&id, &before), "the same secret changes nothing");
    subscribe(&service, "t", "https://a", "s5").await;
    let rotated = configurations(&service).await;
    assert_eq!((rotated.len(), &rotated[0]["id"]), (3, &id), "the id is kept");
    assert_ne!(rotated[0]["updatedAt"], before, "the secret was rotated");
}

#[sqlx::test(migrations = "../../migrations")]
async fn simultaneous_subscriptions_make_one_configuration(pool: PgPool) {
    let service = Service::start(pool).await;
    futures::future::join_all((0..6).map(|_| subscribe(&service, "t", "https://a.example/h", "s"))).await;
    assert_eq!(configurations(&service).await.len(), 1);
    let all = json!({"topic": [], "url": "https://a.example/h", "secret": "s"});
    assert_eq!(service.post(SUBSCRIPTIONS, &all).await.status, 200);
    assert_eq!(configurations(&service).await[1]["subscribedEventTypes"], json!(["*"]), "none means all");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_test_fire_is_an_event_of_the_topic(pool: PgPool) {
    let service = Service::start(pool).await;
    let domain = json!({"domain": "example.com", "verified": true});
    assert_eq!(service.post("/api/v1/authorized-domains", &domain).await.status, 201);
    let nobody = service.post(TEST_FIRE, &json!({"topic": "order.created", "payload": {"n": 1}})).await;
    assert_eq!((nobody.status.as_u16(), &nobody.json), (200, &json!({"ok": true, "outbox_id": 0})));
    assert_eq!(recorded()["publish"]["returned_when_no_subscribers"], 0);

    subscribe(&service, "order.created", "https://example.com/h", "s").await;
    let mut numbers = Vec::new();
    for body in [json!({"topic": "order.created", "payload": {"n": 1}}), json!({"topic": "order.created"})] {
        let fired = service.post(TEST_FIRE, &body).await;
        assert_eq!((fired.status.as_u16(), &fired.json["ok"]), (200, &json!(true)), "{}", fired.text);
        numbers.push(fired.json["outbox_id"].as_u64().expect("an integer"));
    }
    assert!(numbers[0] > 0 && numbers[1] > 0 && numbers[0] < 1 << 53, "{numbers:?}");
    let executions = delivered(&service, 2).await;
    let headers = &executions[1]["requestHeaders"];
    for name in [
        "x-event-id",
        "x-topic",
        "x-attempt",
        "x-signature",
        "x-signature-alg",
        "x-signature-version",
        "x-payload-version",
    ] {
        assert!(headers[name].is_string(), "{name}: {headers}");
    }
    assert_eq!((&headers["x-topic"], &headers["x-attempt"]), (&json!("order.created"), &json!("1")));
}

async fn delivered(service: &Service, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let rows = service.get("/api/v1/callback-executions/by-status?status=SUCCESS").await;
        match rows.json.as_array() {
            Some(found) if found.len() == count => return found.clone(),
            _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
    panic!("{count} deliveries never succeeded");
}

fn refused(answer: &Answer, message: &str, fields: &[&str]) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    for field in fields {
        assert_eq!(answer.messages(field), [message], "{}", answer.text);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn refusals_have_svc_infras_words_and_the_fields(pool: PgPool) {
    let service = Service::start(pool).await;
    let missing = "Missing topic/url/secret";
    refused(&service.post(SUBSCRIPTIONS, &json!({})).await, missing, &["topic", "url", "secret"]);
    let half = json!({"topic": "t", "url": "https://a"});
    refused(&service.post(SUBSCRIPTIONS, &half).await, missing, &["secret"]);
    refused(&service.post(TEST_FIRE, &json!({"payload": {}})).await, "Missing topic", &["topic"]);
    let bad = service.post(SUBSCRIPTIONS, &json!({"topic": "t", "url": "ftp://a", "secret": "s"})).await;
    refused(&bad, "URL must start with http:// or https://", &["url"]);
    let control = service.post(TEST_FIRE, &json!({"topic": "a\nb"})).await;
    assert_eq!((control.status.as_u16(), control.messages("topic").len()), (400, 1), "{}", control.text);
    assert!(configurations(&service).await.is_empty());
}

#[sqlx::test(migrations = "../../migrations")]
async fn they_stand_behind_authentication(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let body = json!({"topic": "t", "url": "https://a.example/h", "secret": "s"});
    assert_eq!(service.service.send(json_request("POST", SUBSCRIPTIONS, &body)).await.status, 401);
    let producer = service.key(Role::TenantProducer, Some("tenant-a")).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    let ask = async |key: &str, path: &str| service.ask(key, json_request("POST", path, &body)).await;
    assert_eq!(ask(&producer, SUBSCRIPTIONS).await.status, 403);
    assert_eq!(ask(&producer, TEST_FIRE).await.status, 200);
    assert_eq!(ask(&admin, SUBSCRIPTIONS).await.status, 200);
    let rows = service.ask(&admin, crate::support::bare("GET", CONFIGURATIONS)).await;
    assert_eq!(rows.json["content"][0]["tenantId"], "tenant-a", "{}", rows.text);
    let other = service.key(Role::TenantAdmin, Some("tenant-b")).await;
    assert_eq!(ask(&other, SUBSCRIPTIONS).await.status, 200);
    let theirs = service.ask(&other, crate::support::bare("GET", CONFIGURATIONS)).await;
    assert_eq!(theirs.json["totalElements"], 1, "each tenant has its own");
    assert_ne!(theirs.json["content"][0]["id"], rows.json["content"][0]["id"]);
}
