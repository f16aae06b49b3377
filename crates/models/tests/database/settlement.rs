use std::time::Duration;

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::ids::{ConfigurationId, DomainId, WorkerId};
use callbacks_models::delivery_queue::claim;
use callbacks_models::settlement::{ConfigurationDelta, DomainDelta, Next, SettleError, Settled, settle};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, delivered, event, execution, reference, retried, tenant};

const QUEUE: &str = "SELECT count(*) FROM delivery_queue";
const EXECUTIONS: &str = "SELECT count(*) FROM callback_executions";

fn failure(configuration: ConfigurationId, failures: i32) -> ConfigurationDelta {
    ConfigurationDelta {
        configuration_id: configuration,
        tenant: tenant("acme"),
        failures,
        succeeded: false,
        failed: true,
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn outcomes_from_memory(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let targets = [ConfigurationId::now_v7(), ConfigurationId::now_v7(), ConfigurationId::now_v7()];
    let given = event("acme", &targets);
    let batch = db.accept(std::slice::from_ref(&given)).await;
    let of = || reference(&given, &batch);
    let held = Settled {
        execution: None,
        next: Next::Attempt { attempt: 1, after: Duration::from_secs(60), hold_reason: Some("circuit open") },
        ..delivered(of(), targets[2])
    };
    let retry = retried(of(), targets[1], Duration::from_secs(30));
    db.settle(&[delivered(of(), targets[0]), retry, held]).await;
    assert_eq!(db.number(EXECUTIONS).await, 2);
    assert_eq!(db.number(QUEUE).await, 2);
    let retry = "SELECT count(*) FROM delivery_queue q JOIN callback_executions x USING (event_row_id, configuration_id)
                 WHERE q.attempt = 2 AND q.due_at = x.next_retry_at AND q.due_at > now() + interval '25 s' AND leased_by IS NULL";
    assert_eq!(db.number(retry).await, 1);
    let held = "SELECT count(*) FROM delivery_queue WHERE attempt = 1 AND hold_reason = 'circuit open'";
    assert_eq!(db.number(held).await, 1);

    let closed = [batch.batch_id.expect("a batch")];
    settle(&db.store, db.worker, &[], &closed, &[], &[]).await.expect("closes");
    assert_eq!(db.number("SELECT count(*) FROM intake_batches").await, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn outcomes_from_the_queue(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 3).await;
    let claimed = claim(&db.store, db.worker, &[(lane, 2)]).await.expect("claims");
    let from_queue = |index: usize, next: Next| Settled {
        from_queue: true,
        next,
        ..delivered(claimed[index].event.clone(), lane)
    };
    let again = Next::Attempt { attempt: 2, after: Duration::ZERO, hold_reason: None };
    db.settle(&[from_queue(0, Next::Done), from_queue(1, again)]).await;
    assert_eq!(db.number(QUEUE).await, 2);
    assert_eq!(db.number("SELECT count(*) FROM delivery_queue WHERE leased_by IS NOT NULL").await, 0);
    assert_eq!(db.number("SELECT count(*) FROM delivery_queue WHERE attempt = 2").await, 1);

    // What this worker has not leased it cannot finish.
    let unleased = claim(&db.store, db.another_worker().await, &[(lane, 5)]).await.expect("claims");
    let item = Settled { from_queue: true, ..delivered(unleased[0].event.clone(), lane) };
    db.settle(&[item]).await;
    assert_eq!(db.number(QUEUE).await, 2);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_worker_without_lease_settles_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    let given = event("acme", &[lane]);
    let batch = db.accept(std::slice::from_ref(&given)).await;
    let items = [delivered(reference(&given, &batch), lane)];
    let closed = [batch.batch_id.expect("a batch")];
    let error = settle(&db.store, WorkerId::now_v7(), &items, &closed, &[], &[]).await;
    assert!(matches!(error, Err(SettleError::Fenced)), "{error:?}");
    assert_eq!(db.number(EXECUTIONS).await, 0);
    assert_eq!(db.number("SELECT count(*) FROM intake_batches").await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_repeated_flush_counts_once(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = db.configuration("acme", json!({})).await.id;
    let given = event("acme", &[lane]);
    let batch = db.accept(std::slice::from_ref(&given)).await;
    let items = [delivered(reference(&given, &batch), lane)];
    for _ in 0..2 {
        let deltas = [failure(lane, 1)];
        settle(&db.store, db.worker, &items, &[], &deltas, &[]).await.expect("settles");
    }
    assert_eq!(db.number(EXECUTIONS).await, 1);
    assert_eq!(db.number("SELECT failure_count::bigint FROM configuration_state").await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn counters_add_up_and_thresholds_are_reported(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = db.configuration("acme", json!({"failureThreshold": 3})).await.id;
    let unknown = ConfigurationId::now_v7();
    let count = async |deltas: &[ConfigurationDelta]| {
        let settled = settle(&db.store, db.worker, &[], &[], deltas, &[]).await.expect("settles");
        settled.over_threshold
    };
    assert_eq!(count(&[failure(lane, 2), failure(unknown, 9)]).await, []);
    assert_eq!(count(&[failure(lane, 1)]).await, [(lane, tenant("acme"), 3)]);
    let mut success = failure(lane, 1);
    success.succeeded = true;
    assert_eq!(count(&[success]).await, []);
    assert_eq!(db.number("SELECT failure_count::bigint FROM configuration_state").await, 1);
    assert_eq!(
        db.number("SELECT count(last_success_at + (last_failure_at - now())) FROM configuration_state").await,
        1
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn domain_totals_add_up(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let id = DomainId::now_v7();
    sqlx::query("INSERT INTO authorized_domains (id, tenant_id, domain) VALUES ($1, 'acme', 'example.com')")
        .bind(id.uuid())
        .execute(&db.pool)
        .await
        .expect("inserts");
    for _ in 0..2 {
        let deltas = [DomainDelta { domain_id: id, tenant: tenant("acme"), callbacks: 10, failed: 3 }];
        settle(&db.store, db.worker, &[], &[], &[], &deltas).await.expect("settles");
    }
    assert_eq!(db.number("SELECT total_callbacks * 100 + total_failed FROM domain_totals").await, 2006);
}

#[sqlx::test(migrations = "../../migrations")]
async fn strange_answers_do_not_fail_the_flush(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    let given = event("acme", &[lane]);
    let batch = db.accept(std::slice::from_ref(&given)).await;
    let mut strange = execution(ExecutionStatus::FailedRetrying, 1);
    strange.response_body = Some("a\0b".to_owned());
    strange.error_message = Some("\u{1F4A9}\0".to_owned());
    strange.next_retry_in = Some(Duration::MAX);
    let item = Settled {
        execution: Some(strange),
        next: Next::Attempt { attempt: 2, after: Duration::MAX, hold_reason: None },
        ..delivered(reference(&given, &batch), lane)
    };
    db.settle(&[item]).await;
    assert_eq!(db.number(EXECUTIONS).await, 1);
}
