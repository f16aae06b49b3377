use std::collections::BTreeSet;
use std::time::Duration;

use callbacks_interfaces::ids::{ConfigurationId, WorkerId};
use callbacks_models::delivery_queue::{claim, due_lanes, release, release_all_but, stats};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::Fixture;

const LEASED: &str = "SELECT count(*) FROM delivery_queue WHERE leased_by IS NOT NULL";

#[sqlx::test(migrations = "../../migrations")]
async fn a_claim_keeps_to_its_lanes_and_quotas(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lanes: Vec<ConfigurationId> = (0..3).map(|_| ConfigurationId::now_v7()).collect();
    for lane in &lanes {
        db.queue("acme", *lane, 10).await;
    }
    let claimed = claim(&db.store, db.worker, &[(lanes[0], 3), (lanes[1], 99)]).await.expect("claims");
    let of = |lane| claimed.iter().filter(|one| one.configuration_id == lane).count();
    assert_eq!((of(lanes[0]), of(lanes[1]), of(lanes[2])), (3, 10, 0));
    let first = &claimed[0];
    assert_eq!(first.payload.as_deref(), Some(&br#"{"n": 1}"#[..]));
    assert_eq!(first.event.event_type.as_str(), "order.created");
    assert_eq!((first.attempt, first.headers.as_deref()), (1, Some(r#"{"x":"1"}"#)));
    assert_eq!(db.number(LEASED).await, 13);
}

#[sqlx::test(migrations = "../../migrations")]
async fn oldest_due_first_and_nothing_before_its_time(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 4).await;
    db.run("UPDATE delivery_queue SET due_at = now() + interval '1 hour'").await;
    assert_eq!(claim(&db.store, db.worker, &[(lane, 9)]).await.expect("claims"), []);
    db.run(
        "UPDATE delivery_queue q SET due_at = now() - n * interval '1 minute'
         FROM (SELECT event_row_id, row_number() OVER (ORDER BY event_row_id) AS n FROM delivery_queue) AS o
         WHERE o.event_row_id = q.event_row_id",
    )
    .await;
    let claimed = claim(&db.store, db.worker, &[(lane, 2)]).await.expect("claims");
    let ids: Vec<_> = claimed.iter().map(|one| one.event.row_id).collect();
    let mut newest_first = ids.clone();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!((ids.len(), &ids), (2, &newest_first));
}

#[sqlx::test(migrations = "../../migrations")]
async fn two_workers_never_claim_the_same(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 200).await;
    let other = db.another_worker().await;
    let mut seen = BTreeSet::new();
    let mut total = 0;
    while total < 200 {
        let lanes = [(lane, 7)];
        let (one, two) = tokio::join!(claim(&db.store, db.worker, &lanes), claim(&db.store, other, &lanes));
        for delivery in one.expect("claims").into_iter().chain(two.expect("claims")) {
            total += 1;
            assert!(seen.insert(delivery.event.row_id), "claimed twice");
        }
    }
    assert_eq!(seen.len(), 200);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_worker_without_lease_claims_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 1).await;
    assert_eq!(claim(&db.store, WorkerId::now_v7(), &[(lane, 9)]).await.expect("answers"), []);
    assert_eq!(db.number(LEASED).await, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_lost_payload_is_reported_not_dropped(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 1).await;
    db.run("DELETE FROM events").await;
    let claimed = claim(&db.store, db.worker, &[(lane, 9)]).await.expect("claims");
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].payload.clone(), claimed[0].event.event_type.as_str()), (None, "unknown"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn due_lanes_name_each_lane_once(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    assert_eq!(due_lanes(&db.store).await.expect("reads"), []);
    let (now, later, leased) =
        (ConfigurationId::now_v7(), ConfigurationId::now_v7(), ConfigurationId::now_v7());
    db.queue("acme", leased, 1).await;
    claim(&db.store, db.worker, &[(leased, 1)]).await.expect("claims");
    db.queue("acme", later, 2).await;
    db.run("UPDATE delivery_queue SET due_at = now() + interval '1 hour' WHERE leased_by IS NULL").await;
    db.queue("acme", now, 2).await;
    let lanes = due_lanes(&db.store).await.expect("reads");
    assert_eq!(lanes.len(), 2);
    assert_eq!(lanes.iter().find(|lane| lane.0 == now).map(|lane| lane.1), Some(Duration::ZERO));
    let wait = lanes.iter().find(|lane| lane.0 == later).map(|lane| lane.1).expect("is there");
    assert!(wait > Duration::from_secs(3500) && wait <= Duration::from_secs(3600), "{wait:?}");
    let statistics = stats(&db.store).await.expect("reads");
    assert_eq!(statistics.deliveries, 5);
    assert!(statistics.oldest_due.is_some_and(|age| age < Duration::from_secs(60)));
}

#[sqlx::test(migrations = "../../migrations")]
async fn leases_end_by_key_and_by_exception(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    db.queue("acme", lane, 5).await;
    let claimed = claim(&db.store, db.worker, &[(lane, 5)]).await.expect("claims");
    let keys: Vec<_> = claimed.iter().map(|one| (one.event.row_id, lane)).collect();
    release(&db.store, db.another_worker().await, &keys).await.expect("runs");
    assert_eq!(db.number(LEASED).await, 5);
    release(&db.store, db.worker, &keys[..2]).await.expect("releases");
    assert_eq!(db.number(LEASED).await, 3);
    assert_eq!(release_all_but(&db.store, db.worker, &keys[2..3]).await.expect("releases"), 2);
    assert_eq!(db.number(LEASED).await, 1);
}
