use std::time::Duration;

use callbacks_interfaces::ids::ConfigurationId;
use callbacks_models::partitions::{
    DailyTable, drop_partitions_older_than_across_tenants, ensure_partitions_across_tenants,
};
use callbacks_models::retention::{Retained, sweep_across_tenants};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use crate::fixture::{Fixture, event, named};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn kept() -> Retained {
    Retained {
        events_days: 30,
        executions_days: 30,
        dedup_window: 7 * DAY,
        idempotency: DAY,
        quarantine_days: 30,
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn partitions_are_made_once_and_take_over_the_default_s_rows(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let db = Fixture::new(options).await;
    db.accept(&[event("acme", &[]), event("acme", &[])]).await;
    assert_eq!(db.number("SELECT count(*) FROM events_default").await, 2);
    assert_eq!(ensure_partitions_across_tenants(&db.store).await.expect("makes"), 10);
    assert_eq!(ensure_partitions_across_tenants(&db.store).await.expect("makes"), 0);
    assert_eq!(db.number("SELECT count(*) FROM events_default").await, 0);
    assert_eq!(db.number("SELECT count(*) FROM events").await, 2);
    db.accept(&[event("acme", &[])]).await;
    assert_eq!(db.number("SELECT count(*) FROM events_default").await, 0);
    let indexed = "SELECT count(*) FROM pg_index i JOIN pg_inherits p ON p.inhrelid = i.indexrelid";
    // Ten partitions and two defaults: two indexes an events partition, four an executions partition.
    assert_eq!(db.number(indexed).await, 6 * 2 + 6 * 4);
}

#[sqlx::test(migrations = "../../migrations")]
async fn old_days_are_dropped_whole(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    for days in ["40", "31", "30", "1"] {
        let sql = "SELECT create_daily_partition('events', 'accepted_at', (now() AT TIME ZONE 'UTC')::date - $1::int)";
        sqlx::query(sql).bind(days.parse::<i32>().expect("a number")).execute(&db.pool).await.expect("makes");
    }
    let dropped = drop_partitions_older_than_across_tenants(&db.store, DailyTable::Events, 30 * DAY).await;
    assert_eq!(dropped.expect("drops").len(), 2);
    let again = drop_partitions_older_than_across_tenants(&db.store, DailyTable::Events, 30 * DAY).await;
    assert_eq!(again.expect("drops"), Vec::<String>::new());
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_partition_change_waits_for_nobody_long(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options.clone()).await;
    let mut blocker = PgConnection::connect_with(&options).await.expect("connects");
    let mut transaction = blocker.begin().await.expect("begins");
    sqlx::query("LOCK TABLE events_default IN ACCESS SHARE MODE")
        .execute(&mut *transaction)
        .await
        .expect("locks");
    let started = std::time::Instant::now();
    let error = ensure_partitions_across_tenants(&db.store).await.expect_err("is blocked");
    assert!(error.is_unavailable(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
    transaction.rollback().await.expect("ends");
    ensure_partitions_across_tenants(&db.store).await.expect("makes");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_sweep_forgets_what_is_out_of_date(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    db.accept(&[named("acme", "old", &[]), named("acme", "new", &[])]).await;
    db.run("UPDATE event_ids SET accepted_at = now() - interval '8 days' WHERE event_id = 'old'").await;
    db.run(
        "INSERT INTO idempotency_keys (tenant_id, method, path, key, body_hash, created_at)
         SELECT 'acme', 'POST', '/', n::text, '', now() - n * interval '1 day' FROM generate_series(0, 2) n",
    )
    .await;
    db.queue("acme", ConfigurationId::now_v7(), 2).await;
    db.run(
        "INSERT INTO event_subscriptions (id, tenant_id, name, messaging_system_type, topic_or_queue)
            VALUES ('00000000-0000-0000-0000-000000000001', 'acme', 'n', 'KAFKA', 't')",
    )
    .await;
    db.run(
        "INSERT INTO quarantined_messages (id, tenant_id, subscription_id, topic, partition, position, reason, headers,
                                           payload_size, state, quarantined_at, settled_at)
         SELECT gen_random_uuid(), 'acme', '00000000-0000-0000-0000-000000000001', 't', '0', n::text, 'r', '{}', 0,
                (ARRAY['OPEN', 'REPLAYED', 'DISCARDED', 'REPLAYED'])[n], now() - interval '99 days',
                (ARRAY[NULL, now() - interval '31 days', now() - interval '31 days', now() - interval '29 days'])[n]
         FROM generate_series(1, 4) n",
    )
    .await;
    assert_eq!(sweep_across_tenants(&db.store, &kept()).await.expect("sweeps"), Vec::<String>::new());
    assert_eq!(db.number("SELECT count(*) FROM event_ids").await, 1);
    assert_eq!(db.number("SELECT count(*) FROM idempotency_keys").await, 1);
    assert_eq!(db.number("SELECT count(*) FROM delivery_queue").await, 0);
    let kept = "SELECT sum(position::int) FROM quarantined_messages";
    assert_eq!(db.number(kept).await, 5, "what waits for somebody, and what was settled lately");
    assert_eq!(db.number("SELECT count(*) FROM callback_executions WHERE status = 'SKIPPED'").await, 2);
}

#[sqlx::test]
async fn migrating_twice_changes_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let settings = callbacks_models::store::StoreSettings::default();
    let store = callbacks_models::store::Store::with_options(options, &settings, crate::fixture::keyring());
    let migrate = || callbacks_models::migrate::migrate(&store);
    let (one, two) = tokio::join!(migrate(), migrate());
    one.expect("migrates");
    two.expect("migrates");
    store.ping().await.expect("answers");
}
