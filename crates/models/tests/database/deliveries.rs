use std::time::Duration;

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::delivery::DeliveryState;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId};
use callbacks_models::acceptance::NewEvent;
use callbacks_models::delivery_queue::claim;
use callbacks_models::delivery_queue_api::{cancel, get, list, replay, retry_now};
use callbacks_models::settlement::Settled;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, delivered, event, execution, reference, retried, scope};

fn id(event: &NewEvent, configuration: ConfigurationId) -> DeliveryId {
    DeliveryId { event: event.row_id, configuration }
}

async fn state(db: &Fixture, id: DeliveryId) -> DeliveryState {
    let found = get(&db.store, &scope("acme"), id).await.expect("reads");
    found.expect("is there").state
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_delivery_s_state_follows_it(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = db.configuration("acme", json!({})).await.id;
    let given = event("acme", &[lane]);
    let delivery = id(&given, lane);
    assert!(get(&db.store, &scope("acme"), delivery).await.expect("reads").is_none());
    let batch = db.accept(std::slice::from_ref(&given)).await;
    assert_eq!(state(&db, delivery).await, DeliveryState::Pending);
    assert!(get(&db.store, &scope("other"), delivery).await.expect("reads").is_none());
    db.settle(&[retried(reference(&given, &batch), lane, Duration::ZERO)]).await;
    assert_eq!(state(&db, delivery).await, DeliveryState::Retrying);
    let claimed = claim(&db.store, db.worker, &[(lane, 1)]).await.expect("claims").remove(0);
    assert_eq!(state(&db, delivery).await, DeliveryState::InProgress);
    let last = Settled {
        from_queue: true,
        execution: Some(execution(ExecutionStatus::Success, 2)),
        ..delivered(claimed.event, lane)
    };
    db.settle(&[last]).await;
    let view = get(&db.store, &scope("acme"), delivery).await.expect("reads").expect("is there");
    assert_eq!((view.state, view.attempts, view.next_attempt_at), (DeliveryState::Delivered, 2, None));
    assert_eq!((view.event_type.as_str(), view.event_id), ("order.created", given.row_id.to_string()));
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_queue_is_listed_by_event(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let (lane, other) = (ConfigurationId::now_v7(), ConfigurationId::now_v7());
    db.queue("acme", lane, 3).await;
    db.queue("acme", other, 2).await;
    db.queue("foreign", lane, 1).await;
    let rows = |configuration, limit| {
        let db = &db;
        async move { list(&db.store, &scope("acme"), configuration, None, limit).await.expect("lists") }
    };
    assert_eq!(rows(None, 9).await.len(), 5);
    assert_eq!(rows(Some(lane), 9).await.len(), 3);
    let two = rows(None, 2).await;
    assert!(two[0].id.event > two[1].id.event);
    assert_eq!((two[0].state, two[0].attempts), (DeliveryState::Pending, 0));
    let before = two[1].id.event.uuid().into();
    let rest = list(&db.store, &scope("acme"), None, Some(before), 9).await.expect("lists");
    assert_eq!(rest.len(), 3);
}

#[sqlx::test(migrations = "../../migrations")]
async fn waiting_deliveries_can_be_cancelled(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    let queued = db.queue("acme", lane, 2).await;
    claim(&db.store, db.worker, &[(lane, 1)]).await.expect("claims");
    let waiting = "SELECT count(*) FROM delivery_queue WHERE leased_by IS NULL";
    let mut cancelled = 0;
    for given in &queued {
        assert!(!cancel(&db.store, &scope("other"), id(given, lane)).await.expect("runs"));
        cancelled += u32::from(cancel(&db.store, &scope("acme"), id(given, lane)).await.expect("runs"));
    }
    assert_eq!((cancelled, db.number(waiting).await), (1, 0));
    assert_eq!(db.number("SELECT count(*) FROM callback_executions WHERE status = 'SKIPPED'").await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn retries_go_on_counting(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = db.configuration("acme", json!({})).await.id;
    let given = event("acme", &[lane]);
    let delivery = id(&given, lane);
    let batch = db.accept(std::slice::from_ref(&given)).await;
    let hurry = async || retry_now(&db.store, &scope("acme"), delivery).await.expect("runs");
    assert!(!hurry().await, "its first attempt is in a worker's memory");
    let failed = Settled {
        execution: Some(execution(ExecutionStatus::FailedPermanent, 3)),
        ..delivered(reference(&given, &batch), lane)
    };
    db.settle(&[failed]).await;
    assert!(!retry_now(&db.store, &scope("other"), delivery).await.expect("runs"));
    assert!(hurry().await);
    let claimed = claim(&db.store, db.worker, &[(lane, 9)]).await.expect("claims");
    assert_eq!(claimed[0].attempt, 4);
    assert!(!hurry().await, "it is being tried");
    let success = Settled {
        from_queue: true,
        execution: Some(execution(ExecutionStatus::Success, 4)),
        ..delivered(claimed[0].event.clone(), lane)
    };
    db.settle(&[success]).await;
    assert!(!hurry().await, "it is delivered");
    let gone = ConfigurationId::now_v7();
    let replayed = replay(&db.store, &scope("acme"), given.row_id, &[lane, gone]).await.expect("replays");
    assert_eq!(replayed, [lane]);
    assert_eq!(db.number("SELECT attempt::bigint FROM delivery_queue").await, 5);
}

#[sqlx::test(migrations = "../../migrations")]
async fn hurrying_ends_a_hold(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = db.configuration("acme", json!({})).await.id;
    let given = db.queue("acme", lane, 1).await.remove(0);
    db.run("UPDATE delivery_queue SET due_at = now() + interval '1 hour', hold_reason = 'rate'").await;
    assert_eq!(state(&db, id(&given, lane)).await, DeliveryState::Held);
    assert!(retry_now(&db.store, &scope("acme"), id(&given, lane)).await.expect("runs"));
    let due =
        "SELECT count(*) FROM delivery_queue WHERE due_at <= now() AND hold_reason IS NULL AND attempt = 1";
    assert_eq!(db.number(due).await, 1);
}
