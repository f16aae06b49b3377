//! What wire profiles change about delivering: refusals, strict success, breakers that burn attempts, keys of their own.

use bytes::Bytes;
use callbacks_core::delivery::transport::FailureKind;
use callbacks_core::intake::received_event::ReceivedEvent;
use callbacks_core::management::{callback_executions, deliveries, secret_rotation, signing_keys};
use callbacks_interfaces::delivery::DeliveryState;
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::scripted_transport::Step;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, json};
use sha2::Sha256;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, URL, object, scope};

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

/// Seconds from each failed attempt to the next one, as planned; each wait is cut short once it has been read.
async fn planned_waits(house: &House, retries: usize) -> Vec<i64> {
    let mut waits = Vec::new();
    for retry in 1..=retries {
        house.wait_for("FAILED_RETRYING", retry).await;
        let planned = "SELECT round(extract(epoch FROM due_at - now()))::int8 FROM delivery_queue WHERE leased_by IS NULL";
        house
            .eventually("the next attempt is planned", async || {
                house.number("SELECT count(*) FROM delivery_queue WHERE leased_by IS NULL").await == 1
            })
            .await;
        waits.push(house.number(planned).await);
        // The signature counts seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        sqlx::query("UPDATE delivery_queue SET due_at = now()")
            .execute(&house.pool)
            .await
            .expect("brought forward");
    }
    waits
}

/// Whether a number of seconds is the planned one, less what the test took to look.
fn about(waits: &[i64], planned: &[i64]) -> bool {
    waits.len() == planned.len()
        && waits.iter().zip(planned).all(|(wait, plan)| (plan - 15..=*plan).contains(wait))
}

#[sqlx::test(migrations = "../../migrations")]
async fn dealix_retries_by_its_schedule_and_signs_the_time_of_the_attempt(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    house.configuration_by_its_profile(json!({ "wireProfile": "DEALIX", "secret": "s" })).await;
    house.transport.script(URL, (0..6).map(|_| Step::status(500)));
    house.event(1).await;
    let waits = planned_waits(&house, 5).await;
    assert!(about(&waits, &[30, 300, 1800, 21_600, 86_400]), "{waits:?}");
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    let sent = house.transport.sent();
    assert_eq!(sent.len(), 6);
    let mut times = Vec::new();
    for request in &sent {
        let values = request.headers.values().filter_map(|value| value.to_str().ok());
        let signature = values.into_iter().find(|value| value.starts_with("t=")).expect("a signature");
        let (time, mac) = signature["t=".len()..].split_once(",v1=").expect("t=…,v1=…");
        let mut expected = Hmac::<Sha256>::new_from_slice(b"s").expect("any key");
        expected.update(format!("{time}.").as_bytes());
        expected.update(&request.body);
        let expected: String =
            expected.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(mac, expected, "attempt {}", times.len() + 1);
        times.push(time.parse::<i64>().expect("seconds"));
    }
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "each attempt signs its own time: {times:?}");
}

#[sqlx::test(migrations = "../../migrations")]
async fn svc_infra_waits_longer_by_the_same_step_and_what_is_left_can_be_sent_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    house.configuration_by_its_profile(json!({ "wireProfile": "SVC_INFRA", "secret": "s" })).await;
    house.transport.script(URL, (0..5).map(|_| Step::status(503)).chain([Step::status(204)]));
    house.event(1).await;
    let waits = planned_waits(&house, 4).await;
    assert!(about(&waits, &[60, 120, 180, 240]), "{waits:?}");
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    let of_the_dead = object(json!({ "filters": { "status": "FAILED_PERMANENT" } }));
    let page = callback_executions::filter(&house.desk, &scope(), &of_the_dead).await.expect("a page");
    let last = page.content.first().expect("the delivery is not forgotten");
    let delivery = deliveries::get(&house.desk, &scope(), last.delivery_id).await.expect("the delivery");
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 5));
    callback_executions::replay(&house.desk, &scope(), last.id).await.expect("queued again");
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    assert_eq!(house.transport.sent().len(), 6);
}
