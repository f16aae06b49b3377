use callbacks_interfaces::ids::{ConfigurationId, WorkerId};
use callbacks_models::acceptance::{AcceptError, Acceptance, NewEvent, SkippedTarget, accept};
use callbacks_models::store::StoreSettings;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

use uuid::Uuid;

use crate::fixture::{Fixture, event, named};

const EVENTS: &str = "SELECT count(*) FROM events";
const BATCHES: &str = "SELECT count(*) FROM intake_batches";

#[sqlx::test(migrations = "../../migrations")]
async fn a_flush_stores_its_events_and_one_batch(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let targets: Vec<ConfigurationId> = (0..3).map(|_| ConfigurationId::now_v7()).collect();
    let events: Vec<NewEvent> = (0..50).map(|n| event("acme", &targets[..n % 4])).collect();
    let batch = db.accept(&events).await;
    assert!(batch.batch_id.is_some());
    assert_eq!(batch.events, vec![Acceptance::Stored; 50]);
    assert_eq!(db.number(EVENTS).await, 50);
    type Stored = (Uuid, Vec<Uuid>, Option<i64>, Vec<u8>);
    let stored: Vec<Stored> = sqlx::query_as("SELECT id, targets, batch_id, payload FROM events ORDER BY id")
        .fetch_all(&db.pool)
        .await
        .expect("reads");
    for (row, given) in stored.iter().zip(&events) {
        let wanted: Vec<_> = given.targets.iter().map(|id| id.uuid()).collect();
        assert_eq!((row.0, &row.1), (given.row_id.uuid(), &wanted));
        assert_eq!(row.2, batch.batch_id);
        assert_eq!(row.3, given.payload);
    }
    let same = "SELECT count(*) FROM events e JOIN intake_batches b ON b.id = e.batch_id AND b.accepted_at = e.accepted_at";
    assert_eq!(db.number(same).await, 50);
}

#[sqlx::test(migrations = "../../migrations")]
async fn nothing_in_memory_needs_no_batch(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    assert_eq!(db.accept(&[event("acme", &[])]).await.batch_id, None);
    let target = ConfigurationId::now_v7();
    let queued = NewEvent { queued: vec![(target, Some("paused"))], ..event("acme", &[target]) };
    assert_eq!(db.accept(&[queued]).await.batch_id, None);
    assert_eq!(db.number(BATCHES).await, 0);
    let held = "SELECT count(*) FROM delivery_queue WHERE hold_reason = 'paused' AND attempt = 1 AND leased_by IS NULL";
    assert_eq!(db.number(held).await, 1);
    assert_eq!(db.accept(&[]).await.events, []);
}

#[sqlx::test(migrations = "../../migrations")]
async fn skipped_targets_become_executions(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let skipped = NewEvent {
        skipped: vec![SkippedTarget {
            configuration_id: ConfigurationId::now_v7(),
            reason: "filter \0 failed".to_owned(),
        }],
        ..event("acme", &[ConfigurationId::now_v7()])
    };
    let batch = db.accept(&[skipped]).await;
    assert!(batch.batch_id.is_some());
    let rows = "SELECT count(*) FROM callback_executions WHERE status = 'SKIPPED' AND error_message = 'filter \u{FFFD} failed'";
    assert_eq!(db.number(rows).await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_repeated_id_is_recognised(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let target = ConfigurationId::now_v7();
    let first = named("acme", "e-1", &[target]);
    assert_eq!(db.accept(std::slice::from_ref(&first)).await.events, [Acceptance::Stored]);

    let repeat = NewEvent { queued: vec![(target, None)], ..named("acme", "e-1", &[target]) };
    let foreign = named("other", "e-1", &[]);
    let elsewhere = NewEvent { source: "shop".to_owned(), ..named("acme", "e-1", &[]) };
    let batch = db.accept(&[event("acme", &[]), repeat, foreign, elsewhere]).await;
    let duplicate = Acceptance::Duplicate { row_id: first.row_id, matched: 1 };
    let stored = Acceptance::Stored;
    assert_eq!(batch.events, [stored, duplicate, stored, stored]);
    assert_eq!(batch.batch_id, None);
    assert_eq!(db.number(EVENTS).await, 4);
    assert_eq!(db.number("SELECT count(*) FROM delivery_queue").await, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_forgotten_id_is_new_again(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    db.accept(&[named("acme", "e-1", &[])]).await;
    db.run("UPDATE event_ids SET accepted_at = now() - interval '8 days'").await;
    let again = named("acme", "e-1", &[ConfigurationId::now_v7()]);
    assert_eq!(db.accept(std::slice::from_ref(&again)).await.events, [Acceptance::Stored]);
    let repeat = db.accept(&[named("acme", "e-1", &[])]).await;
    let duplicate = Acceptance::Duplicate { row_id: again.row_id, matched: 1 };
    assert_eq!(repeat.events, [duplicate]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn two_connections_accept_an_id_once(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let settings = StoreSettings { dedup_window: Duration::from_secs(60), ..StoreSettings::default() };
    let other = db.store_with(&settings);
    let mut stored = 0;
    for round in 0..20 {
        let ids: Vec<String> = (0..10).map(|n| format!("{round}-{n}")).collect();
        let events = |order: &mut dyn Iterator<Item = &String>| -> Vec<NewEvent> {
            order.map(|id| named("acme", id, &[])).collect()
        };
        // Opposite orders, so that unsorted writes would deadlock.
        let (one, two) = (events(&mut ids.iter()), events(&mut ids.iter().rev()));
        let (one, two) = tokio::join!(accept(&db.store, db.worker, &one), accept(&other, db.worker, &two));
        for batch in [one.expect("accepts"), two.expect("accepts")] {
            stored += batch.events.iter().filter(|answer| **answer == Acceptance::Stored).count();
        }
    }
    assert_eq!(stored, 200);
    assert_eq!(db.number(EVENTS).await, 200);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_worker_without_lease_accepts_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let stranger = WorkerId::now_v7();
    for refused in [event("acme", &[ConfigurationId::now_v7()]), named("acme", "e-1", &[])] {
        let error = accept(&db.store, stranger, &[refused]).await.expect_err("fenced");
        assert!(matches!(error, AcceptError::Fenced), "{error}");
    }
    assert_eq!(db.number(EVENTS).await + db.number(BATCHES).await, 0);
    assert_eq!(db.number("SELECT count(*) FROM event_ids").await, 0);
}
