use std::collections::BTreeSet;
use std::time::Duration;

use callbacks_interfaces::ids::ConfigurationId;
use callbacks_models::acceptance::NewEvent;
use callbacks_models::delivery_queue::claim;
use callbacks_models::recovery::{recover_dead_across_tenants, recover_unconfirmed_batch, release_worker};
use callbacks_models::settlement::{SettleError, settle};
use callbacks_models::worker_registration::heartbeat;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::fixture::{Fixture, delivered, event, reference, retried};

const STALE: Duration = Duration::from_secs(5);
const SILENCE: &str = "UPDATE workers SET heartbeat_at = now() - interval '1 minute'";

async fn queued(db: &Fixture) -> BTreeSet<(Uuid, Uuid)> {
    let rows =
        sqlx::query_as("SELECT event_row_id, configuration_id FROM delivery_queue WHERE leased_by IS NULL")
            .fetch_all(&db.pool)
            .await;
    rows.expect("reads").into_iter().collect()
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_dead_owe_targets_minus_executions_minus_queue(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lanes: Vec<ConfigurationId> = (0..4).map(|_| ConfigurationId::now_v7()).collect();
    let spilled = NewEvent { queued: vec![(lanes[3], None)], ..event("acme", &lanes) };
    let events = [event("acme", &lanes), spilled, event("acme", &[])];
    let batch = db.accept(&events).await;
    let of = |index: usize| reference(&events[index], &batch);
    let later = Duration::from_secs(60);
    db.settle(&[delivered(of(0), lanes[0]), retried(of(0), lanes[1], later)]).await;
    // A batch of a living worker must stay untouched.
    let survivor = db.another_worker().await;
    callbacks_models::acceptance::accept(&db.store, survivor, &[event("acme", &lanes)])
        .await
        .expect("accepts");
    sqlx::query("UPDATE workers SET heartbeat_at = now() - interval '1 minute' WHERE id = $1")
        .bind(db.worker.uuid())
        .execute(&db.pool)
        .await
        .expect("runs");

    let recovered = recover_dead_across_tenants(&db.store, STALE).await.expect("recovers");
    assert_eq!(recovered.len(), 1);
    assert_eq!((recovered[0].worker, recovered[0].deliveries), (db.worker, 5));
    assert_eq!(recovered[0].configurations.len(), 4);
    let owed = [(0, 2), (0, 3), (1, 0), (1, 1), (1, 2)];
    let waited = [(0, 1), (1, 3)];
    let key = |(event, lane): &(usize, usize)| (events[*event].row_id.uuid(), lanes[*lane].uuid());
    let wanted: BTreeSet<_> = owed.iter().chain(&waited).map(key).collect();
    assert_eq!(queued(&db).await, wanted);
    assert_eq!(
        db.number("SELECT count(*) FROM delivery_queue WHERE attempt = 1 AND due_at <= now()").await,
        6
    );
    assert_eq!(db.number("SELECT count(*) FROM intake_batches").await, 1);

    let late = settle(&db.store, db.worker, &[delivered(of(1), lanes[0])], &[], &[], &[]).await;
    assert!(matches!(late, Err(SettleError::Fenced)), "{late:?}");
    assert_eq!(heartbeat(&db.store, db.worker).await.expect("answers"), None);
    assert_eq!(heartbeat(&db.store, survivor).await.expect("answers"), Some(1), "it is alone now");
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_dead_lose_their_leases(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 3).await;
    claim(&db.store, db.worker, &[(lane, 2)]).await.expect("claims");
    assert_eq!(recover_dead_across_tenants(&db.store, STALE).await.expect("nobody is dead"), []);
    db.run(SILENCE).await;
    let recovered = recover_dead_across_tenants(&db.store, STALE).await.expect("recovers");
    assert_eq!(recovered[0].deliveries, 2);
    assert_eq!(queued(&db).await.len(), 3);
}

#[sqlx::test(migrations = "../../migrations")]
async fn of_many_rescuers_one_takes_each_worker(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    for _ in 0..5 {
        let worker = db.another_worker().await;
        callbacks_models::acceptance::accept(&db.store, worker, &[event("acme", &[lane])])
            .await
            .expect("accepts");
    }
    db.run(SILENCE).await;
    let rescue = || recover_dead_across_tenants(&db.store, STALE);
    let (one, two, three) = tokio::join!(rescue(), rescue(), rescue());
    let all = [one, two, three].map(|done| done.expect("recovers")).concat();
    assert_eq!(all.len(), 6);
    assert_eq!(all.iter().map(|one| one.deliveries).sum::<u64>(), 5);
    assert_eq!(db.number("SELECT count(*) FROM workers").await, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_orderly_end_hands_everything_over(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.accept(&[event("acme", &[lane]), event("acme", &[lane])]).await;
    assert_eq!(release_worker(&db.store, db.worker).await.expect("ends"), 2);
    assert_eq!(release_worker(&db.store, db.worker).await.expect("is gone already"), 0);
    assert_eq!(queued(&db).await.len(), 2);
    assert_eq!(db.number("SELECT count(*) FROM workers").await, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_unconfirmed_batch_is_taken_up(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    let events = [event("acme", &[lane]), event("acme", &[lane])];
    let first = events[0].row_id;
    let none = recover_unconfirmed_batch(&db.store, db.worker, first).await.expect("answers");
    assert_eq!(none, []);
    db.accept(&events).await;
    let lanes = recover_unconfirmed_batch(&db.store, db.worker, first).await.expect("answers");
    assert_eq!(lanes, [lane]);
    assert_eq!(queued(&db).await.len(), 2);
    assert_eq!(db.number("SELECT count(*) FROM intake_batches").await, 0);
}
