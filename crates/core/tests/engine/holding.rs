//! What keeps deliveries back without losing them: pauses, probes, breakers, Retry-After, gone endpoints.

use callbacks_core::delivery::transport::Outcome;
use callbacks_interfaces::callback_configuration::CallbackStatus;
use callbacks_testkit::scripted_transport::{Step, response};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, URL, settings};

#[sqlx::test(migrations = "../../migrations")]
async fn a_paused_configuration_keeps_its_deliveries(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({})).await;
    house.patch(configuration.id, json!({ "status": "PAUSED" })).await;
    assert_eq!(house.event(1).await.matched, 1);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert!(house.transport.sent().is_empty());
    assert_eq!(house.number("SELECT count(*) FROM delivery_queue WHERE hold_reason = 'paused'").await, 1);
    house.patch(configuration.id, json!({ "status": "ACTIVE" })).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_paused_configuration_may_skip_its_deliveries(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({ "pausedDeliveries": "SKIP", "status": "PAUSED" })).await;
    house.event(1).await;
    house.wait_for("SKIPPED", 1).await;
    house.patch(configuration.id, json!({ "status": "ACTIVE" })).await;
    house.settled().await;
    assert!(house.transport.sent().is_empty());
}

#[sqlx::test(migrations = "../../migrations")]
async fn failures_pause_it_and_a_probe_that_succeeds_reactivates_it(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({ "failureThreshold": 2, "maxRetries": 0 })).await;
    house.transport.script(URL, [Step::status(500), Step::status(500), Step::status(200)]);
    house.event(1).await;
    house.event(2).await;
    house
        .eventually("the pause", async || house.read(configuration.id).await.status == CallbackStatus::Paused)
        .await;
    house.event(3).await;
    house
        .eventually("the probe", async || house.read(configuration.id).await.status == CallbackStatus::Active)
        .await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    assert_eq!(house.read(configuration.id).await.failure_count, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn probes_that_keep_failing_end_in_failed_and_nothing_is_lost(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut quick = settings();
    quick.dispatcher.max_failed_probes = 1;
    quick.dispatcher.probe_cool_down = std::time::Duration::from_millis(100);
    let house = House::with(options, quick).await;
    let configuration = house.configuration(json!({ "failureThreshold": 1, "maxRetries": 10 })).await;
    house.transport.script(URL, [Step::status(404), Step::status(500)]);
    house.event(1).await;
    house
        .eventually("the pause", async || house.read(configuration.id).await.status == CallbackStatus::Paused)
        .await;
    house.event(2).await;
    house
        .eventually("giving up", async || house.read(configuration.id).await.status == CallbackStatus::Failed)
        .await;
    assert_eq!(
        house.number("SELECT count(*) FROM delivery_queue").await,
        1,
        "the probed delivery is still there"
    );
    house.transport.script(URL, [Step::status(200)]);
    house.patch(configuration.id, json!({ "status": "ACTIVE" })).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn gone_disables_the_endpoint(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let configuration = house.configuration(json!({})).await;
    house.transport.script(URL, [Step::status(410)]);
    house.event(1).await;
    house
        .eventually("FAILED", async || house.read(configuration.id).await.status == CallbackStatus::Failed)
        .await;
    house.eventually("that it gets no new events", async || house.event(2).await.matched == 0).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_open_breaker_postpones_and_burns_no_attempt(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let breaker = json!({ "mode": "CONSECUTIVE", "failureThreshold": 3, "recoveryTimeoutMs": 1500, "halfOpenMaxCalls": 1 });
    let failing = Step::failure(callbacks_core::delivery::transport::FailureKind::Connect);
    house
        .configuration(
            json!({ "circuitBreaker": breaker, "maxInFlight": 1, "maxRetries": 10, "failureThreshold": 100 }),
        )
        .await;
    house.transport.script(URL, [failing.clone(), failing.clone(), failing, Step::status(200)]);
    for n in 0..10 {
        house.event(n).await;
    }
    house.transport.wait_for(3).await;
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(house.transport.sent().len(), 3, "an open breaker lets nothing through");
    house.wait_for("SUCCESS", 10).await;
    house.settled().await;
    let most = house.executions().await.iter().map(|(attempt, _)| *attempt).max();
    assert!(most <= Some(4), "attempts were burned: {most:?}");
    assert_eq!(house.transport.sent().len(), 13, "three failures and ten successes");
}

#[sqlx::test(migrations = "../../migrations")]
async fn retry_after_holds_the_whole_endpoint(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({ "maxRetries": 5 })).await;
    let Outcome::Response(mut busy) = response(429) else { panic!("a response") };
    busy.headers.insert("retry-after", http::HeaderValue::from_static("2"));
    house.transport.script(URL, [Step::Now(Outcome::Response(busy)), Step::status(200)]);
    let begun = std::time::Instant::now();
    house.event(1).await;
    house.transport.wait_for(1).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    for n in 2..6 {
        house.event(n).await;
    }
    house.wait_for("SUCCESS", 5).await;
    assert!(begun.elapsed() >= std::time::Duration::from_millis(1900), "the others waited too");
    house.settled().await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_rate_is_kept(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({ "maxPerSecond": 5 })).await;
    let begun = std::time::Instant::now();
    for n in 0..15 {
        house.event(n).await;
    }
    house.wait_for("SUCCESS", 15).await;
    house.settled().await;
    assert!(begun.elapsed() >= std::time::Duration::from_millis(1900), "5 at once, then 5 a second");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_black_hole_does_not_delay_its_neighbour(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({ "url": "http://receiver.test/hole", "timeoutMs": 300000, "subscribedEventTypes": ["order.created"] })).await;
    house.configuration(json!({})).await;
    house.transport.script("http://receiver.test/hole", [Step::Silence]);
    for n in 0..500 {
        house.event(n).await;
    }
    house.wait_for("SUCCESS", 500).await;
    let at_the_hole = house
        .transport
        .sent()
        .iter()
        .filter(|request| request.destination.url.as_str().ends_with("hole"))
        .count();
    assert_eq!(at_the_hole, 64, "in flight at the black hole: its own limit, no more");
}
