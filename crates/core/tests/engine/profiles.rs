//! What wire profiles change about delivering: refusals, strict success, breakers that burn attempts, keys of their own.

use bytes::Bytes;
use callbacks_core::delivery::transport::FailureKind;
use callbacks_core::intake::received_event::ReceivedEvent;
use callbacks_core::management::{secret_rotation, signing_keys};
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::scripted_transport::Step;
use serde_json::{Map, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, URL, scope};

#[sqlx::test(migrations = "../../migrations")]
async fn a_payload_the_profile_cannot_write_is_refused_with_the_reason(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    house.configuration(json!({ "wireProfile": "PYFLY", "secret": "s" })).await;
    let text = r#"{"type":"order.created","payload":{"total":1e400}}"#;
    let submission =
        callbacks_interfaces::event_submission::EventSubmission::parse(text.as_bytes()).expect("JSON");
    let tenant = TenantId::default_tenant();
    house.engine.accept(&tenant, vec![submission]).await.expect("accepted");
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    assert!(house.transport.sent().is_empty());
    let reason = "SELECT count(*) FROM callback_executions WHERE attempt = 0 AND error_message LIKE '%beyond the range of a double%'";
    assert_eq!(house.number(reason).await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_message_that_is_no_json_is_refused_by_those_who_need_it_and_sent_by_the_others(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    house.configuration(json!({})).await;
    house.configuration(json!({ "name": "dealix", "wireProfile": "DEALIX", "secret": "s" })).await;
    let event = ReceivedEvent {
        id: None,
        event_type: EventType::try_from("order.created").expect("a type"),
        source: "orders".to_owned(),
        content_type: Some("text/plain".to_owned()),
        occurred_at: None,
        headers: None,
        payload: Bytes::from_static(b"total: 5 \xff"),
    };
    house.engine.accept_received(&TenantId::default_tenant(), vec![event]).await.expect("accepted");
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    let sent = house.transport.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body, Bytes::from_static(b"total: 5 \xff"));
    let refused = "SELECT count(*) FROM callback_executions WHERE attempt = 0 AND error_message IS NOT NULL";
    assert_eq!(house.number(refused).await, 1);
    assert_eq!(house.number("SELECT count(*) FROM events").await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn servo_takes_fewer_answers_for_success(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({ "wireProfile": "SERVO", "secret": "s" })).await;
    house.transport.script(URL, [Step::status(206), Step::status(208)]);
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.event(2).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_open_breaker_burns_the_attempts_of_pyfly(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let breaker = json!({ "mode": "CONSECUTIVE", "failureThreshold": 1, "recoveryTimeoutMs": 60_000 });
    house
        .configuration(
            json!({ "wireProfile": "PYFLY", "secret": "s", "maxRetries": 3, "circuitBreaker": breaker }),
        )
        .await;
    house.transport.script(URL, [Step::failure(FailureKind::Connect)]);
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    let attempts: Vec<i16> = house.executions().await.into_iter().map(|(attempt, _)| attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    assert_eq!(house.transport.sent().len(), 1, "one call opened the breaker, and no other was made");
    let burned = "SELECT count(*) FROM callback_executions WHERE error_message = 'Circuit breaker is open'";
    assert_eq!(house.number(burned).await, 3);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_configuration_gets_an_ed25519_key_of_its_own(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let made = house.configuration(json!({ "signatureSchemes": ["STANDARD_WEBHOOKS_ED25519"] })).await;
    assert!(made.signature_enabled && !made.secret_configured);
    house.event(1).await;
    house.wait_for("SUCCESS", 1).await;
    let first = signing_keys::jwks(&house.desk).keys;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].kid, made.id.to_string());
    house.patch(made.id, json!({ "description": "still the same key" })).await;
    assert_eq!(signing_keys::jwks(&house.desk).keys, first);
    secret_rotation::rotate(&house.desk, &scope(), made.id, &Map::new()).await.expect("rotated");
    let both = signing_keys::jwks(&house.desk).keys;
    assert_eq!(both.len(), 2, "the old key stays for a while");
    assert_eq!((both[1].kid.as_str(), &both[1].x), (format!("{}.previous", made.id).as_str(), &first[0].x));
    house.event(2).await;
    house.wait_for("SUCCESS", 2).await;
    let sent = house.transport.sent();
    let list = sent[1].headers["webhook-signature"].to_str().expect("ASCII");
    assert_eq!(list.matches("v1a,").count(), 2, "{list}");
}
