use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Answer, Service};

const SUBSCRIPTIONS: &str = "/api/v1/event-subscriptions";

fn subscription(field: &str, value: Value) -> Value {
    let mut body = json!({"name": "n", "messagingSystemType": "KAFKA", "topicOrQueue": "orders"});
    body[field] = value;
    body
}

/// A refusal that names the field; answers with the status and what it says about it.
fn refused(entry: &Entry, answer: &Answer, field: &str) -> String {
    assert_eq!(answer.status, 400, "{}: {}", entry.id, answer.text);
    let said = answer.messages(field);
    assert_eq!(said.len(), 1, "{}: {}", entry.id, answer.text);
    said[0].to_owned()
}

/// Of a thousand events one is invalid: it is named by its place, and none is stored.
async fn one_of_a_thousand(service: &Service, entry: &Entry) -> String {
    let mut batch = vec![json!({"type": "order.created", "payload": {}}); 1000];
    batch[500] = json!({"payload": {}});
    let answer = service.post("/api/v1/events/batch", &json!(batch)).await;
    let told = refused(entry, &answer, "[500].type");
    assert_eq!(service.get("/api/v1/events").await.text, "[]", "{}: something was stored", entry.id);
    format!("400: [500].type: {told}; nothing is stored")
}

/// Each property by itself, and none of them is repeated with its value.
async fn dangerous_properties(service: &Service, entry: &Entry) -> String {
    let mut results = Vec::new();
    for (name, value) in [
        ("ssl.key.location", "/etc/shadow"),
        ("plugin.library.paths", "/opt/evil.so"),
        ("ssl.truststore.location", "/etc/shadow"),
        ("sasl.kerberos.kinit.cmd", "/opt/evil.sh"),
    ] {
        assert!(entry.text("message").starts_with("consumer_properties"), "{}", entry.id);
        for field in ["consumerProperties", "connectionConfig"] {
            let answer = service.post(SUBSCRIPTIONS, &subscription(field, json!({name: value}))).await;
            let told = refused(entry, &answer, field);
            assert!(told.contains(name) && !answer.text.contains(value), "{}", answer.text);
            if field == "consumerProperties" && entry.text("message").contains(name) {
                results.push(told);
            }
        }
    }
    assert_eq!(results.len(), 2, "{results:?}");
    format!("400: {}. sasl.jaas.config: only its name and password are read", results.join("; "))
}

/// A lone `*` is a documented pattern for every topic but the broker's own.
async fn topics_that_cannot_be(service: &Service, entry: &Entry) -> String {
    let too_long = "t".repeat(250);
    let mut results = Vec::new();
    for (shown, topic) in [
        ("../../etc", "../../etc"),
        ("250 characters", too_long.as_str()),
        ("__consumer_offsets", "__consumer_offsets"),
        ("among others", "orders,__consumer_offsets"),
    ] {
        let answer = service.post(SUBSCRIPTIONS, &subscription("topicOrQueue", json!(topic))).await;
        results.push(format!("{shown}: {}", refused(entry, &answer, "topicOrQueue")));
    }
    let all = service.post(SUBSCRIPTIONS, &subscription("topicOrQueue", json!("*"))).await;
    assert_eq!(all.status, 201, "{}", all.text);
    results.truncate(3);
    format!("400: {}. * is a pattern for all topics but the broker's own: 201", results.join("; "))
}

#[sqlx::test(migrations = "../../migrations")]
async fn hostile_batches_and_subscriptions_are_refused(pool: PgPool) {
    let service = Service::start(pool).await;
    let mut section = Section::new("ingestion", file!());
    for entry in entries("ingestion") {
        let result = match entry.id.as_str() {
            "IN-020" => one_of_a_thousand(&service, &entry).await,
            "IN-025" => dangerous_properties(&service, &entry).await,
            "IN-026" => topics_that_cannot_be(&service, &entry).await,
            _ => continue,
        };
        assert_eq!(entry.verdict(), "reject", "{}", entry.id);
        section.record(&entry, &result);
    }
    section.finish();
}
