//! A dry run does everything but send.

use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::gate_answer::GateDecision;
use callbacks_interfaces::tenant::TenantId;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, settings};

/// What the only execution says.
async fn recorded(house: &House) -> (i16, String, String, Value) {
    let columns = "SELECT attempt, status, error_message, request_headers FROM callback_executions";
    let (attempt, status, message, headers): (i16, String, String, String) =
        sqlx::query_as(columns).fetch_one(&house.pool).await.expect("one row");
    (attempt, status, message, serde_json::from_str(&headers).expect("JSON"))
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_configuration_in_dry_run_is_recorded_and_not_sent(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let more = json!({
        "dryRun": true, "secret": "s", "signatureEnabled": true, "customHeaders": { "Authorization": "Bearer canary" },
    });
    let configuration = house.configuration(more).await;
    house.event(1).await;
    house.wait_for("SKIPPED", 1).await;
    house.settled().await;
    assert!(house.transport.sent().is_empty(), "nothing was dialled");
    let (attempt, _, message, headers) = recorded(&house).await;
    assert_eq!((attempt, message.as_str()), (0, "dry run: the request was built and signed, and not sent"));
    assert!(headers["x-firefly-signature"].is_string(), "{headers}");
    assert!(headers["x-delivery-id"].as_str().is_some_and(|id| id.starts_with("dlv_")), "{headers}");
    assert!(!headers.to_string().contains("canary"), "{headers}");
    assert_eq!(house.read(configuration.id).await.failure_count, 0);

    house.patch(configuration.id, json!({ "dryRun": false })).await;
    house.event(2).await;
    house.transport.wait_for(1).await;
    house.wait_for("SUCCESS", 1).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_service_in_dry_run_sends_nothing_and_its_gates_let_pass(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut dry = settings();
    dry.dispatcher.dry_run = true;
    let house = House::with(options, dry).await;
    house.configuration(json!({ "wireProfile": "DEALIX", "secret": "s" })).await;
    house.configuration(json!({ "name": "gate", "phase": "BEFORE", "onError": "CANCEL" })).await;
    for n in 0..5 {
        house.event(n).await;
    }
    house.wait_for("SKIPPED", 5).await;
    let body = json!({ "type": "order.created", "payload": {} }).to_string();
    let submission = EventSubmission::parse(body.as_bytes()).expect("an event");
    let patience = std::time::Duration::from_secs(5);
    let answer =
        house.engine.ask_gates(&TenantId::default_tenant(), submission, patience).await.expect("an answer");
    assert_eq!(answer.decision, GateDecision::Proceed);
    assert!(!answer.gates[0].answered);
    house.settled().await;
    assert!(house.transport.sent().is_empty(), "nothing was dialled");
    assert_eq!(house.executions().await, vec![(0, "SKIPPED".to_owned()); 6]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_dry_run_is_refused_what_a_real_one_would_be(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({ "dryRun": true, "url": "http://elsewhere.test/hook" })).await;
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    assert!(house.transport.sent().is_empty());
}
