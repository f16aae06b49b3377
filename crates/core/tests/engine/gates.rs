//! Gates through the doors of every delivery: bounds, breakers, pauses, and what is recorded when the producer goes away.

use std::time::{Duration, Instant};

use callbacks_core::before::GateError;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::gate_answer::{GateAnswer, GateDecision};
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::scripted_transport::Step;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, URL, settings};

const PATIENCE: Duration = Duration::from_secs(5);

fn order() -> EventSubmission {
    let body = json!({ "type": "order.created", "payload": { "total": 5 } });
    EventSubmission::parse(body.to_string().as_bytes()).expect("a valid event")
}

pub(crate) async fn ask(house: &House) -> Result<GateAnswer, GateError> {
    house.engine.ask_gates(&TenantId::default_tenant(), order(), PATIENCE).await
}

pub(crate) async fn gate(house: &House, more: Value) {
    let mut body = json!({ "phase": "BEFORE", "onError": "CANCEL" });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    house.configuration(body).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_gate_takes_as_many_asks_at_once_as_it_says(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    gate(&house, json!({ "maxInFlight": 2 })).await;
    let answer = callbacks_testkit::scripted_transport::response(200);
    house.transport.script(URL, [Step::After(Duration::from_millis(200), answer)]);
    let started = Instant::now();
    let asks = futures::future::join_all((0..8).map(|_| ask(&house))).await;
    assert!(asks.iter().all(|one| one.as_ref().is_ok_and(|answer| answer.decision == GateDecision::Proceed)));
    assert!(started.elapsed() >= Duration::from_millis(800), "two at a time: {:?}", started.elapsed());
    assert_eq!(house.executions().await.len(), 8);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_gate_that_stays_busy_is_not_waited_for_beyond_its_time(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    gate(&house, json!({ "maxInFlight": 1, "timeoutMs": 1000 })).await;
    house.transport.script(URL, [Step::Silence]);
    let started = Instant::now();
    let (first, second) = tokio::join!(ask(&house), ask(&house));
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    for answer in [first, second] {
        assert_eq!(answer.expect("an answer").decision, GateDecision::Cancelled);
    }
    assert_eq!(house.transport.sent().len(), 1);
    let statuses: Vec<_> = house.executions().await.into_iter().map(|(_, status)| status).collect();
    assert!(
        statuses.contains(&"SKIPPED".to_owned()) && statuses.contains(&"FAILED_PERMANENT".to_owned()),
        "{statuses:?}"
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_open_breaker_is_an_answer_at_once(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let breaker = json!({ "mode": "RATE", "slidingWindowSize": 2, "minimumNumberOfCalls": 2 });
    gate(&house, json!({ "circuitBreaker": breaker })).await;
    house.transport.script(URL, [Step::status(500)]);
    for _ in 0..2 {
        ask(&house).await.expect("an answer");
    }
    let started = Instant::now();
    let answer = ask(&house).await.expect("an answer");
    assert!(started.elapsed() < Duration::from_millis(900));
    assert_eq!(answer.decision, GateDecision::Cancelled);
    assert_eq!(answer.gates[0].reason.as_deref(), Some("circuit breaker open"));
    assert_eq!(house.transport.sent().len(), 2, "the third was not sent");
    assert_eq!(house.executions().await.len(), 3, "and is on record all the same");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_gate_that_keeps_failing_is_paused_probed_and_comes_back(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut settings = settings();
    settings.dispatcher.probe_cool_down = Duration::from_secs(3);
    let house = House::with(options, settings).await;
    gate(&house, json!({ "failureThreshold": 2 })).await;
    house.transport.script(URL, [Step::status(500), Step::status(500), Step::status(200)]);
    for _ in 0..2 {
        ask(&house).await.expect("an answer");
    }
    house
        .eventually("the gate is paused", async || {
            house.engine.refresh().await.expect("the database answers");
            house.number("SELECT count(*) FROM callback_configurations WHERE status = 'PAUSED'").await == 1
        })
        .await;
    house.engine.refresh().await.expect("the database answers");
    assert_eq!(ask(&house).await.expect("an answer").decision, GateDecision::Cancelled, "paused, and strict");
    house
        .eventually("a probe lets it come back", async || {
            ask(&house).await.expect("an answer").decision == GateDecision::Proceed
        })
        .await;
    house
        .eventually("it is active again", async || {
            house.number("SELECT count(*) FROM callback_configurations WHERE status = 'ACTIVE'").await == 1
        })
        .await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn filters_say_which_gates_are_concerned(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    gate(&house, json!({ "filterExpression": "total=7" })).await;
    let answer = ask(&house).await.expect("an answer");
    assert_eq!((answer.decision, answer.gates.len()), (GateDecision::Proceed, 0), "not concerned");
    gate(&house, json!({ "name": "cel", "filterExpression": "payload.missing.amount > 3" })).await;
    let answer = ask(&house).await.expect("an answer");
    assert_eq!(answer.decision, GateDecision::Cancelled, "{answer:?}");
    assert!(answer.reason.is_some_and(|reason| reason.contains("filterExpression")));
    assert!(house.transport.sent().is_empty());
}

#[sqlx::test(migrations = "../../migrations")]
async fn more_gates_than_can_be_asked_is_an_error_and_asks_none(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    for n in 0..33 {
        gate(&house, json!({ "name": format!("gate {n}") })).await;
    }
    assert_eq!(ask(&house).await, Err(GateError::TooMany { concerned: 33 }));
    assert!(house.transport.sent().is_empty());
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_ask_is_recorded_even_if_the_producer_goes_away(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    gate(&house, json!({})).await;
    let answer = callbacks_testkit::scripted_transport::response(200);
    house.transport.script(URL, [Step::After(Duration::from_millis(300), answer)]);
    let gone = tokio::time::timeout(Duration::from_millis(100), ask(&house)).await;
    assert!(gone.is_err(), "the producer went away");
    house.wait_for("SUCCESS", 1).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_whole_inquiry_ends_with_the_callers_patience(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    gate(&house, json!({ "timeoutMs": 60_000 })).await;
    house.transport.script(URL, [Step::Silence]);
    let started = Instant::now();
    let patience = Duration::from_millis(500);
    let answer =
        house.engine.ask_gates(&TenantId::default_tenant(), order(), patience).await.expect("an answer");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(answer.decision, GateDecision::Cancelled);
    house.engine.drain(Duration::from_secs(1)).await;
    assert_eq!(ask(&house).await, Err(GateError::Unavailable), "a service that stops asks nobody");
}
