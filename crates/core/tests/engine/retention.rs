//! What is left of a delivery when its day is over.

use std::time::Duration;

use callbacks_models::retention::{Retained, sweep_across_tenants};
use callbacks_models::secret_column::SecretKeyring;
use callbacks_models::store::{Store, StoreSettings};
use callbacks_testkit::hostile_corpus::{Section, entries};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::House;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[sqlx::test(migrations = "../../migrations")]
async fn a_day_later_only_the_audit_log_is_left(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options.clone()).await;
    house.configuration(json!({})).await;
    house.event(1).await;
    house.wait_for("SUCCESS", 1).await;
    house.settled().await;
    sqlx::raw_sql(
        "SELECT create_daily_partition('events', 'accepted_at', (now() AT TIME ZONE 'UTC')::date - 3),
                create_daily_partition('callback_executions', 'started_at', (now() AT TIME ZONE 'UTC')::date - 3);
         UPDATE events SET accepted_at = accepted_at - interval '3 days';
         UPDATE callback_executions SET started_at = started_at - interval '3 days';
         INSERT INTO audit_log (tenant_id, number, id, at, actor, role, operation, target, status, previous_hash, hash)
         VALUES ('', 1, gen_random_uuid(), now() - interval '89 days', 'a', 'operator', 'o', 't', 200, '', '');",
    )
    .execute(&house.pool)
    .await
    .expect("the rows are three days old");
    // Younger ones, which stay.
    house.event(2).await;
    house.wait_for("SUCCESS", 2).await;
    house.settled().await;
    let keyring = SecretKeyring::new(("test".to_owned(), [7; 32].into()), []).expect("a key");
    let store = Store::with_options(options, &StoreSettings::default(), keyring);
    let a_day = Retained {
        events_days: 1,
        executions_days: 1,
        dedup_window: DAY,
        idempotency: DAY,
        quarantine_days: 1,
    };
    // A sweep waits for no lock; the next one comes an hour later in the service.
    house.eventually("a sweep", async || sweep_across_tenants(&store, &a_day).await.is_ok()).await;
    assert_eq!(house.number("SELECT count(*) FROM events").await, 1);
    assert_eq!(house.number("SELECT count(*) FROM callback_executions").await, 1);
    let old = "SELECT count(*) FROM pg_class WHERE relname ~ \
               ('^(events|callback_executions)_' || to_char((now() AT TIME ZONE 'UTC')::date - 3, 'YYYYMMDD') || '$')";
    assert_eq!(house.number(old).await, 0, "their tables are gone, and no dead tuple with them");
    assert_eq!(house.number("SELECT count(*) FROM audit_log").await, 1);
    let entry = entries("secrets_logging").into_iter().find(|entry| entry.id == "SL-012").expect("is listed");
    let mut section = Section::new("secrets_logging", file!());
    let result = "events and executions of older days are gone with their partitions; the audit log is kept without end. \
                  Erasing is by tenant (its payload key is destroyed), not by event";
    section.record(&entry, result);
    section.finish();
}
