//! The service's own proxy fails: deliveries wait, and neither configuration, breaker nor domain is charged.

use callbacks_core::delivery::transport::FailureKind;
use callbacks_interfaces::callback_configuration::CallbackStatus;
use callbacks_testkit::scripted_transport::Step;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::gates::{ask, gate};
use crate::house::{House, URL, settings};

const CHARGED_TO_DOMAINS: &str =
    "SELECT coalesce(sum(total_callbacks + total_failed), 0)::bigint FROM domain_totals";
const WAITING: &str = "SELECT count(*) FROM delivery_queue WHERE attempt = 1 AND leased_by IS NULL";
const WAITING_FOR_THE_PROXY: &str = "SELECT count(*) FROM delivery_queue WHERE attempt = 1 AND hold_reason = 'waiting for the outgoing proxy'";

#[sqlx::test(migrations = "../../migrations")]
async fn without_it_deliveries_wait_and_keep_their_attempts(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let breaker = json!({ "mode": "CONSECUTIVE", "failureThreshold": 1, "recoveryTimeoutMs": 600_000, "halfOpenMaxCalls": 1 });
    let body = json!({ "circuitBreaker": breaker, "maxRetries": 0, "failureThreshold": 1, "maxInFlight": 1 });
    let configuration = house.configuration(body).await;
    house.transport.script(URL, [Step::failure(FailureKind::Proxy), Step::status(200)]);
    for n in 0..5 {
        house.event(n).await;
    }
    house.eventually("all of them wait", async || house.number(WAITING).await == 5).await;
    assert!(house.number(WAITING_FOR_THE_PROXY).await >= 1, "and it shows what for");
    assert_eq!(house.transport.sent().len(), 1, "the proxy is left alone for a while");
    assert!(house.executions().await.is_empty(), "nothing was attempted");
    house.wait_for("SUCCESS", 5).await;
    house.settled().await;
    assert_eq!(house.executions().await, vec![(1, "SUCCESS".to_owned()); 5]);
    let after = house.read(configuration.id).await;
    assert_eq!((after.status, after.failure_count), (CallbackStatus::Active, 0));
    house.eventually("only successes count", async || house.number(CHARGED_TO_DOMAINS).await == 5).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn where_it_gives_no_reason_the_attempt_counts_and_nothing_else(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    let breaker = json!({ "mode": "CONSECUTIVE", "failureThreshold": 1, "recoveryTimeoutMs": 600_000, "halfOpenMaxCalls": 1 });
    let body = json!({ "circuitBreaker": breaker, "maxRetries": 1, "failureThreshold": 1 });
    let configuration = house.configuration(body).await;
    let nowhere = Step::failure(FailureKind::Tunnel);
    house.transport.script(URL, [nowhere.clone(), nowhere, Step::status(200)]);
    house.event(1).await;
    house.wait_for("FAILED_PERMANENT", 1).await;
    house.settled().await;
    let after = house.read(configuration.id).await;
    assert_eq!((after.status, after.failure_count), (CallbackStatus::Active, 0));
    assert_eq!(house.number(CHARGED_TO_DOMAINS).await, 0);
    house.event(2).await;
    house.wait_for("SUCCESS", 1).await;
    let statuses: Vec<_> = house.executions().await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["FAILED_RETRYING", "FAILED_PERMANENT", "SUCCESS"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_probe_that_does_not_get_out_says_nothing_about_the_endpoint(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut quick = settings();
    quick.dispatcher.max_failed_probes = 1;
    quick.dispatcher.probe_cool_down = std::time::Duration::from_millis(100);
    let house = House::with(options, quick).await;
    let configuration = house.configuration(json!({ "failureThreshold": 1, "maxRetries": 0 })).await;
    let (away, nowhere) = (Step::failure(FailureKind::Proxy), Step::failure(FailureKind::Tunnel));
    house.transport.script(URL, [Step::status(404), nowhere, away, Step::status(200)]);
    let status_is = async |wanted| house.read(configuration.id).await.status == wanted;
    house.event(1).await;
    house.eventually("the pause", async || status_is(CallbackStatus::Paused).await).await;
    house.event(2).await;
    house.event(3).await;
    house.transport.wait_for(3).await;
    assert_eq!(house.read(configuration.id).await.status, CallbackStatus::Paused);
    house.eventually("the probe that gets out", async || status_is(CallbackStatus::Active).await).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_gate_that_cannot_be_reached_through_it_is_skipped(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    gate(&house, json!({ "failureThreshold": 1 })).await;
    house.transport.script(URL, [Step::failure(FailureKind::Tunnel), Step::failure(FailureKind::Proxy)]);
    for _ in 0..2 {
        ask(&house).await.expect("an answer");
    }
    let statuses: Vec<_> = house.executions().await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["SKIPPED", "SKIPPED"]);
    assert_eq!(house.number(CHARGED_TO_DOMAINS).await, 0);
    assert_eq!(
        house.number("SELECT coalesce(max(failure_count), 0)::bigint FROM configuration_state").await,
        0
    );
}
