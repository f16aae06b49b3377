//! Forgetting what the service promised to remember only for a while.

use std::time::Duration;

use crate::error::StoreError;
use crate::orphaned_deliveries::skip_orphaned_deliveries_across_tenants;
use crate::partitions::{
    DailyTable, drop_partitions_older_than_across_tenants, ensure_partitions_across_tenants,
};
use crate::small_steps::{STEP, in_small_steps};
use crate::store::Store;

/// How long what is kept.
#[derive(Clone, Debug)]
pub struct Retained {
    /// Days of events.
    pub events_days: u16,
    /// Days of executions.
    pub executions_days: u16,
    /// How long a producer's event id is remembered.
    pub dedup_window: Duration,
    /// How long answers to idempotent requests are kept.
    pub idempotency: Duration,
    /// Days of quarantined messages, from the day they were replayed or discarded. Open ones stay until somebody decides.
    pub quarantine_days: u16,
}

/// One round of housekeeping: makes the partitions of the days ahead, drops those of the days behind, forgets event ids,
/// idempotent answers and settled quarantined messages, and ends deliveries whose configuration was deleted. Returns the names of the dropped partitions.
///
/// # Errors
/// The first failure; the other steps are tried all the same.
pub async fn sweep_across_tenants(store: &Store, kept: &Retained) -> Result<Vec<String>, StoreError> {
    let made = ensure_partitions_across_tenants(store).await.map(drop);
    let events = drop_days(store, DailyTable::Events, kept.events_days).await;
    let executions = drop_days(store, DailyTable::Executions, kept.executions_days).await;
    let purged = purge_event_ids_across_tenants(store, kept.dedup_window).await;
    let answers = purge_idempotency_keys_across_tenants(store, kept.idempotency).await;
    let settled = purge_settled_quarantine_across_tenants(store, days(kept.quarantine_days)).await;
    let orphans = skip_orphaned_deliveries_across_tenants(store).await;
    made.and(purged).and(answers).and(settled).and(orphans)?;
    Ok([events?, executions?].concat())
}

async fn drop_days(store: &Store, table: DailyTable, kept: u16) -> Result<Vec<String>, StoreError> {
    drop_partitions_older_than_across_tenants(store, table, days(kept)).await
}

fn days(days: u16) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 1_000_000)
}

/// Forgets producers' event ids that left the deduplication window. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn purge_event_ids_across_tenants(store: &Store, window: Duration) -> Result<u64, StoreError> {
    in_small_steps(|| {
        sqlx::query!(
            r#"
            DELETE FROM event_ids WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM event_ids WHERE accepted_at < now() - $1::bigint * interval '1 second'
                LIMIT $2 FOR UPDATE SKIP LOCKED))
            "#,
            seconds(window),
            STEP as i64,
        )
        .execute(&store.engine)
    })
    .await
}

/// Forgets idempotent answers older than `keep`. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn purge_idempotency_keys_across_tenants(store: &Store, keep: Duration) -> Result<u64, StoreError> {
    in_small_steps(|| {
        sqlx::query!(
            r#"
            DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM idempotency_keys WHERE created_at < now() - $1::bigint * interval '1 second'
                LIMIT $2 FOR UPDATE SKIP LOCKED))
            "#,
            seconds(keep),
            STEP as i64,
        )
        .execute(&store.engine)
    })
    .await
}

/// Forgets quarantined messages that were replayed or discarded more than `keep` ago. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn purge_settled_quarantine_across_tenants(
    store: &Store,
    keep: Duration,
) -> Result<u64, StoreError> {
    in_small_steps(|| {
        sqlx::query!(
            r#"
            DELETE FROM quarantined_messages WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM quarantined_messages WHERE settled_at < now() - $1::bigint * interval '1 second'
                LIMIT $2 FOR UPDATE SKIP LOCKED))
            "#,
            seconds(keep),
            STEP as i64,
        )
        .execute(&store.engine)
    })
    .await
}
