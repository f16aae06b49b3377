//! Ends of workers: orderly, sudden, and believed dead. Nothing is lost, and nothing is sent twice without need.

use std::sync::Arc;
use std::time::Duration;

use callbacks_testkit::scripted_transport::{ScriptedTransport, Step, response};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, URL, settings};

#[sqlx::test(migrations = "../../migrations")]
async fn a_drain_finishes_what_is_on_the_wire_and_gives_back_the_rest(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let house = House::open(options).await;
    house.configuration(json!({ "maxInFlight": 5 })).await;
    house.transport.script(URL, [Step::After(Duration::from_millis(300), response(200))]);
    for n in 0..50 {
        house.event(n).await;
    }
    house.transport.wait_for(5).await;
    house.engine.drain(Duration::from_secs(10)).await;
    let done = house.executions().await.len();
    assert_eq!(done, house.transport.sent().len(), "what was sent is on record");
    assert!(done < 50);
    assert_eq!(
        house.number("SELECT count(*) FROM delivery_queue WHERE leased_by IS NULL").await,
        50 - done as i64
    );
    assert_eq!(
        house.number("SELECT (SELECT count(*) FROM intake_batches) + (SELECT count(*) FROM workers)").await,
        0
    );

    let next = house.neighbour(settings(), Arc::new(ScriptedTransport::default())).await;
    next.wait_for("SUCCESS", 50).await;
    next.settled().await;
    assert_eq!(house.transport.sent().len() + next.transport.sent().len(), 50, "nothing twice");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_drain_interrupts_what_never_ends(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.configuration(json!({})).await;
    house.transport.script(URL, [Step::Hang]);
    house.event(1).await;
    house.transport.wait_for(1).await;
    house.engine.drain(Duration::from_millis(300)).await;
    assert_eq!(
        house.number("SELECT count(*) FROM delivery_queue WHERE leased_by IS NULL AND attempt = 1").await,
        1
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_silent_workers_deliveries_are_taken_over(_: PgPoolOptions, options: PgConnectOptions) {
    // Its heart beats so rarely that everybody takes it for dead: a process that was stopped or lost its network.
    let mut stopped = settings();
    stopped.worker.heartbeat = Duration::from_secs(3600);
    let silent = House::with(options, stopped).await;
    silent.configuration(json!({ "maxInFlight": 10 })).await;
    silent.transport.script(URL, [Step::Hang]);
    for n in 0..30 {
        silent.event(n).await;
    }
    silent.transport.wait_for(10).await;

    let alive = silent.neighbour(settings(), Arc::new(ScriptedTransport::default())).await;
    alive.wait_for("SUCCESS", 30).await;
    alive.settled().await;
    assert_eq!(alive.transport.sent().len(), 30, "each exactly once by the new owner");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_worker_that_was_taken_for_dead_writes_nothing_and_starts_anew(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut stopped = settings();
    stopped.worker.heartbeat = Duration::from_secs(3600);
    let silent = House::with(options, stopped).await;
    silent.configuration(json!({})).await;
    silent.transport.script(URL, [Step::After(Duration::from_secs(2), response(500)), Step::status(200)]);
    silent.event(1).await;
    silent.transport.wait_for(1).await;

    let alive = silent.neighbour(settings(), Arc::new(ScriptedTransport::default())).await;
    alive.wait_for("SUCCESS", 1).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(alive.executions().await, [(1, "SUCCESS".to_owned())], "the late 500 was not written");
    silent.event(2).await;
    silent.wait_for("SUCCESS", 2).await;
    silent.settled().await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_change_reaches_the_other_replica(_: PgPoolOptions, options: PgConnectOptions) {
    let one = House::open(options).await;
    let two = one.neighbour(settings(), Arc::new(ScriptedTransport::default())).await;
    let configuration = one.configuration(json!({})).await;
    two.eventually("the configuration", async || two.event(1).await.matched == 1).await;
    one.patch(configuration.id, json!({ "active": false })).await;
    two.eventually("the change", async || two.event(2).await.matched == 0).await;
}
