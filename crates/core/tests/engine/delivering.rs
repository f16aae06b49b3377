//! From an accepted event to its recorded outcome.

use std::time::Duration;

use callbacks_testkit::scripted_transport::Step;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, URL, settings};

#[sqlx::test(migrations = "../../migrations")]
async fn an_event_reaches_its_configuration_and_is_on_record(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({ "secret": "s3cret", "signatureEnabled": true })).await;
    let accepted =
        house.submit(json!({ "id": "ord-1", "type": "order.created", "payload": {"a": 1.0, "a": 2} })).await;
    assert_eq!((accepted.event_id.as_str(), accepted.matched, accepted.duplicate), ("ord-1", 1, false));

    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    let sent = house.transport.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].headers["x-event-id"], "ord-1");
    assert_eq!(sent[0].headers["x-event-type"], "order.created");
    assert!(sent[0].headers.contains_key("x-firefly-signature"));
    assert_eq!(house.executions().await, [(1, "SUCCESS".to_owned())]);
    let read = house.read(configuration.id).await;
    assert_eq!(read.failure_count, 0);
    assert!(read.last_success_at.is_some());
    assert_eq!(house.number("SELECT total_callbacks FROM domain_totals").await, 1);
}

/// Repeats within one transaction are set back to the next, which must come though nothing else arrives.
#[sqlx::test(migrations = "../../migrations")]
async fn repeats_that_arrive_together_do_not_wait_for_another_event(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    for round in 0..5 {
        let event = json!({ "id": format!("once-{round}"), "type": "order.created", "payload": {} });
        let all = futures::future::join_all((0..16).map(|_| house.submit(event.clone())));
        let answers = tokio::time::timeout(Duration::from_secs(10), all).await.expect("all are answered");
        assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1, "{answers:?}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_payload_is_sent_byte_for_byte(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({})).await;
    let payload = r#"{"b":1.10, "a" : 12345678901234567890123, "b":-0, "c":"\u00e9\ud83d\ude00"}"#;
    let body = format!(r#"{{"type":"order.created","payload":{payload}}}"#);
    let submission =
        callbacks_interfaces::event_submission::EventSubmission::parse(body.as_bytes()).expect("valid");
    house
        .engine
        .accept(&callbacks_interfaces::tenant::TenantId::default_tenant(), vec![submission])
        .await
        .expect("accepted");
    let sent = house.transport.wait_for(1).await;
    assert_eq!(sent[0].body, payload.as_bytes());
}

#[sqlx::test(migrations = "../../migrations")]
async fn failures_are_retried_with_true_attempt_numbers(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({})).await;
    house.transport.script(URL, [Step::status(503), Step::status(500), Step::status(200)]);
    house.event(1).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    let expected = [(1, "FAILED_RETRYING"), (2, "FAILED_RETRYING"), (3, "SUCCESS")];
    assert_eq!(house.executions().await, expected.map(|(attempt, status)| (attempt, status.to_owned())));
    let ids: Vec<_> =
        house.transport.sent().iter().map(|request| request.headers["x-delivery-id"].clone()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "the delivery id is the same on every attempt");
    assert_eq!(house.read(configuration.id).await.failure_count, 0);
    assert_eq!(
        house.number("SELECT count(*) FROM callback_executions WHERE next_retry_at IS NOT NULL").await,
        2
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_last_failure_is_permanent_and_counts_once(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({ "maxRetries": 1 })).await;
    house.transport.script(URL, [Step::status(500)]);
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    assert_eq!(house.executions().await.len(), 2);
    let read = house.read(configuration.id).await;
    assert_eq!(read.failure_count, 1);
    assert!(read.last_failure_at.is_some());
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_client_error_is_not_retried(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({})).await;
    house.transport.script(URL, [Step::status(404)]);
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    assert_eq!(house.transport.sent().len(), 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_repeated_event_id_is_delivered_once(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({})).await;
    let event = json!({ "id": "same", "source": "shop", "type": "order.created", "payload": 1 });
    assert!(!house.submit(event.clone()).await.duplicate);
    let repeat = house.submit(event).await;
    assert!(repeat.duplicate);
    assert_eq!((repeat.event_id.as_str(), repeat.matched), ("same", 1));
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    assert_eq!(house.transport.sent().len(), 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_filter_that_refuses_leaves_a_skipped_row_with_the_reason(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    house.configuration(json!({ "filterExpression": "customer.tier=gold" })).await;
    let accepted =
        house.submit(json!({ "type": "order.created", "payload": {"customer": {"tier": "tin"}} })).await;
    assert_eq!(accepted.matched, 0);
    house.wait_for("SKIPPED", 1).await;
    house.submit(json!({ "type": "order.created", "payload": {"customer": {"tier": "gold"}} })).await;
    house.wait_for("SUCCESS", 1).await;
    assert_eq!(house.transport.sent().len(), 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_domain_that_is_not_authorized_is_never_called(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({ "url": "http://elsewhere.test/" })).await;
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    assert_eq!(house.executions().await, [(0, "FAILED_PERMANENT".to_owned())]);
    assert!(house.transport.sent().is_empty());
    let message: String = sqlx::query_scalar("SELECT error_message FROM callback_executions")
        .fetch_one(&house.pool)
        .await
        .expect("a row");
    assert!(message.starts_with("Domain not authorized"), "{message}");
}

#[sqlx::test(migrations = "../../migrations")]
async fn more_than_a_lane_holds_goes_through_the_queue_and_arrives_once(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut small = settings();
    small.dispatcher.lane_capacity = 4;
    small.intake.patience = std::time::Duration::from_millis(1);
    let house = House::with(options, small).await;
    house.configuration(json!({})).await;
    for n in 0..200 {
        house.event(n).await;
    }
    house.wait_for("SUCCESS", 200).await;
    house.settled().await;
    let mut bodies: Vec<_> = house.transport.sent().into_iter().map(|request| request.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), house.transport.sent().len()), (200, 200));
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_matching_configuration_gets_its_own_delivery(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    for n in 0..5 {
        house.configuration(json!({ "url": format!("http://receiver.test/{n}") })).await;
    }
    house.transport.script("http://receiver.test/3", [Step::status(400)]);
    assert_eq!(house.event(1).await.matched, 5);
    house.wait_for("SUCCESS", 4).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    assert_eq!(house.transport.sent().len(), 5);
}
