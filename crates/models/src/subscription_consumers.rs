//! Running consumers of subscriptions: which subscriptions should run, what each replica reports about them, and the
//! totals their messages add up to.

use std::time::Duration;

use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::subscription_status::ConsumerReport;
use callbacks_interfaces::tenant::TenantScope;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::storable_text::storable_option;
use crate::store::Store;

/// A report older than this comes from a replica that stopped.
const REPORT_LIFE: Duration = Duration::from_secs(15);

/// What one replica says about its consumers of one subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewReport {
    /// Consumers it runs.
    pub consumers: i32,
    /// Whether at least one of them is connected.
    pub connected: bool,
    /// What they read.
    pub partitions: Vec<String>,
    /// Messages they have not yet read.
    pub lag: Option<i64>,
    /// Seconds by which they are behind.
    pub lag_seconds: Option<f64>,
    /// When a message last arrived.
    pub last_message_at: Option<OffsetDateTime>,
    /// Their latest error.
    pub last_error: Option<String>,
    /// When it happened.
    pub last_error_at: Option<OffsetDateTime>,
    /// Changes of their partitions.
    pub rebalances: i64,
    /// Times they had to connect anew.
    pub reconnects: i64,
    /// Messages of types that are not taken.
    pub filtered: i64,
}

/// Messages of one subscription since the last time they were counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewMessages {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Messages received.
    pub received: i64,
    /// Those of them that could not be accepted.
    pub failed: i64,
    /// When the last one arrived.
    pub last_at: OffsetDateTime,
}

/// The active subscriptions, each with the time of its last change: what is to be loaded is told by comparing.
///
/// # Errors
/// When the database fails.
pub async fn active_across_tenants(
    store: &Store,
) -> Result<Vec<(SubscriptionId, OffsetDateTime)>, StoreError> {
    let rows = sqlx::query!("SELECT id, updated_at FROM event_subscriptions WHERE active ORDER BY id")
        .fetch_all(&store.engine)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.updated_at)).collect())
}

/// Writes what this replica has to say about one subscription; nothing when the subscription was deleted meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn report(
    store: &Store,
    subscription: SubscriptionId,
    replica: Uuid,
    report: &NewReport,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        INSERT INTO subscription_consumers AS known (
            subscription_id, replica_id, consumers, connected, partitions, lag, lag_seconds, last_message_at, last_error,
            last_error_at, rebalances, reconnects, filtered)
        SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM event_subscriptions WHERE id = $1
        ON CONFLICT (subscription_id, replica_id) DO UPDATE SET
            reported_at = now(), consumers = EXCLUDED.consumers, connected = EXCLUDED.connected,
            partitions = EXCLUDED.partitions, lag = EXCLUDED.lag, lag_seconds = EXCLUDED.lag_seconds,
            last_message_at = EXCLUDED.last_message_at, last_error = EXCLUDED.last_error,
            last_error_at = EXCLUDED.last_error_at, rebalances = EXCLUDED.rebalances, reconnects = EXCLUDED.reconnects,
            filtered = EXCLUDED.filtered
        "#,
        subscription.uuid(),
        replica,
        report.consumers,
        report.connected,
        &report.partitions,
        report.lag,
        report.lag_seconds,
        report.last_message_at,
        storable_option(report.last_error.as_deref()) as Option<std::borrow::Cow<'_, str>>,
        report.last_error_at,
        report.rebalances,
        report.reconnects,
        report.filtered,
    )
    .execute(&store.engine)
    .await?;
    Ok(())
}

/// Takes back what this replica said about a subscription it no longer reads, and forgets replicas that fell silent.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(store: &Store, subscription: SubscriptionId, replica: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM subscription_consumers
         WHERE subscription_id = $1 AND (replica_id = $2 OR reported_at < now() - $3::bigint * interval '1 second')",
        subscription.uuid(),
        replica,
        life(),
    )
    .execute(&store.engine)
    .await?;
    Ok(())
}

/// What the living replicas report about a subscription in scope.
///
/// # Errors
/// When the database fails.
pub async fn reports(
    store: &Store,
    scope: &TenantScope,
    subscription: SubscriptionId,
) -> Result<Vec<ConsumerReport>, StoreError> {
    let rows = sqlx::query_as!(
        ConsumerReport,
        r#"
        SELECT c.replica_id, c.reported_at, c.consumers, c.connected, c.partitions, c.lag, c.lag_seconds,
               c.last_message_at, c.last_error, c.last_error_at, c.rebalances, c.reconnects, c.filtered
        FROM subscription_consumers c JOIN event_subscriptions s ON s.id = c.subscription_id
        WHERE c.subscription_id = $1 AND c.reported_at >= now() - $2::bigint * interval '1 second'
          AND ($3::text IS NULL OR s.tenant_id = $3)
        ORDER BY c.replica_id
        "#,
        subscription.uuid(),
        life(),
        scope.sql(),
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    Ok(rows)
}

/// An active subscription, in one line.
#[derive(Clone, Debug)]
pub struct ConsumerSummary {
    /// The subscription.
    pub id: Uuid,
    /// Its broker.
    pub messaging_system_type: String,
    /// Whether any replica is connected.
    pub connected: bool,
    /// The latest error any replica reports.
    pub last_error: Option<String>,
}

/// All active subscriptions.
///
/// # Errors
/// When the database fails.
pub async fn summary_across_tenants(store: &Store) -> Result<Vec<ConsumerSummary>, StoreError> {
    let rows = sqlx::query_as!(
        ConsumerSummary,
        r#"
        SELECT s.id, s.messaging_system_type, coalesce(bool_or(c.connected), false) AS "connected!",
               (array_agg(c.last_error ORDER BY c.last_error_at DESC NULLS LAST))[1] AS last_error
        FROM event_subscriptions s
        LEFT JOIN subscription_consumers c
            ON c.subscription_id = s.id AND c.reported_at >= now() - $1::bigint * interval '1 second'
        WHERE s.active GROUP BY s.id, s.messaging_system_type ORDER BY s.id
        "#,
        life(),
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(rows)
}

/// Adds to the totals of subscriptions; each may appear once. Does not count as a change of the subscription.
///
/// # Errors
/// When the database fails.
pub async fn count_messages(store: &Store, messages: &[NewMessages]) -> Result<(), StoreError> {
    let mut sorted = messages.to_vec();
    sorted.sort_unstable_by_key(|one| one.subscription);
    let ids: Vec<Uuid> = sorted.iter().map(|one| one.subscription.uuid()).collect();
    let received: Vec<i64> = sorted.iter().map(|one| one.received).collect();
    let failed: Vec<i64> = sorted.iter().map(|one| one.failed).collect();
    let last: Vec<OffsetDateTime> = sorted.iter().map(|one| one.last_at).collect();
    sqlx::query!(
        r#"
        UPDATE event_subscriptions s SET
            total_messages_received = s.total_messages_received + n.received,
            total_messages_failed = s.total_messages_failed + n.failed,
            last_message_at = greatest(s.last_message_at, n.last_at)
        FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS n(id, received, failed, last_at)
        WHERE s.id = n.id
        "#,
        &ids,
        &received,
        &failed,
        &last,
    )
    .execute(&store.engine)
    .await?;
    Ok(())
}

fn life() -> i64 {
    i64::try_from(REPORT_LIFE.as_secs()).unwrap_or(i64::MAX)
}
