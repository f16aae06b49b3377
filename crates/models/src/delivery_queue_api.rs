//! The queue as people see and change it: listed, hurried, cancelled, filled again. What a worker is trying right now
//! is never taken out of its hands.

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::delivery::DeliveryView;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, EventRowId, ExecutionId};
use callbacks_interfaces::tenant::TenantScope;
use serde_json::json;
use sqlx::types::Uuid;

use crate::change::Told;
use crate::delivery_row::DeliveryRow;
use crate::delivery_state::{Waiting, delivery_state};
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::store::Store;

/// Up to `limit` deliveries in the queue, those of the newest events first, of events older than `before`.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn list(
    store: &Store,
    scope: &TenantScope,
    configuration: Option<ConfigurationId>,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<DeliveryView>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT q.event_row_id, q.configuration_id, q.tenant_id, q.event_accepted_at, q.attempt, q.due_at,
               q.leased_by IS NOT NULL AS "leased!", q.hold_reason, e.event_id AS "event_id?",
               e.event_type AS "event_type?"
        FROM delivery_queue q
        LEFT JOIN events e ON e.id = q.event_row_id AND e.accepted_at = q.event_accepted_at
        WHERE ($1::text IS NULL OR q.tenant_id = $1)
          AND ($2::uuid IS NULL OR q.configuration_id = $2)
          AND ($3::uuid IS NULL OR q.event_row_id < $3)
        ORDER BY q.event_row_id DESC, q.configuration_id
        LIMIT $4
        "#,
        scope.sql(),
        configuration.map(ConfigurationId::uuid),
        before.map(Cursor::before),
        limit,
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    rows.into_iter()
        .map(|row| {
            let waiting = Waiting {
                attempt: row.attempt,
                due_at: row.due_at,
                leased: row.leased,
                hold_reason: row.hold_reason,
            };
            let event: EventRowId = row.event_row_id.into();
            let configuration: ConfigurationId = row.configuration_id.into();
            Ok(DeliveryView {
                id: DeliveryId { event, configuration },
                state: delivery_state(Some(&waiting), None),
                event_id: row.event_id.unwrap_or_else(|| event.to_string()),
                configuration_id: configuration,
                tenant_id: stored_tenant(&row.tenant_id)?,
                event_type: row.event_type.unwrap_or_else(|| "unknown".to_owned()),
                attempts: i32::from(row.attempt) - 1,
                next_attempt_at: Some(row.due_at),
                hold_reason: waiting.hold_reason,
                accepted_at: row.event_accepted_at,
            })
        })
        .collect()
}

/// Reads one delivery, settled or not; `None` when there is none in scope.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn get(
    store: &Store,
    scope: &TenantScope,
    id: DeliveryId,
) -> Result<Option<DeliveryView>, StoreError> {
    let rows = DeliveryRow::of_event(&mut *store.read(scope).await?, scope, id.event.uuid()).await?;
    rows.into_iter()
        .find(|row| row.configuration_id == id.configuration.uuid())
        .map(DeliveryRow::view)
        .transpose()
}

/// Takes a waiting delivery out of the queue and gives it a last execution (SKIPPED). `false` when it is not waiting:
/// under way, settled, or not in scope.
///
/// # Errors
/// When the database fails.
pub async fn cancel(store: &Store, scope: &TenantScope, id: DeliveryId) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let tenant = sqlx::query_scalar!(
        r#"
        WITH cancelled AS (
            DELETE FROM delivery_queue
            WHERE event_row_id = $1 AND configuration_id = $2 AND ($3::text IS NULL OR tenant_id = $3)
              AND leased_by IS NULL
            RETURNING event_row_id, configuration_id, tenant_id, event_accepted_at
        )
        INSERT INTO callback_executions (id, started_at, tenant_id, configuration_id, event_row_id, event_id,
                                         source_event_id, event_type, status, attempt, max_attempts, error_message)
        SELECT $4, now(), q.tenant_id, q.configuration_id, q.event_row_id, e.event_id, e.source_event_id,
               coalesce(e.event_type, 'unknown'), 'SKIPPED', 0, 0, 'The delivery was cancelled'
        FROM cancelled q
        LEFT JOIN events e ON e.id = q.event_row_id AND e.accepted_at = q.event_accepted_at
        RETURNING tenant_id
        "#,
        id.event.uuid(),
        id.configuration.uuid(),
        scope.sql(),
        ExecutionId::now_v7().uuid(),
    )
    .fetch_optional(&mut *change)
    .await?;
    let Some(tenant) = tenant else { return Ok(false) };
    change.commit([Told::deleted(&tenant, &json!({ "queued": [id] }))?]).await?;
    Ok(true)
}

/// Makes a delivery due now: one that waits, or one that failed for good or was skipped. `false` when it is under way,
/// delivered, or not in scope.
///
/// # Errors
/// When the database fails.
pub async fn retry_now(store: &Store, scope: &TenantScope, id: DeliveryId) -> Result<bool, StoreError> {
    let queued = queue_again(store, scope, id.event, &[id.configuration], &["SUCCESS"]).await?;
    Ok(!queued.is_empty())
}

/// Makes deliveries of an event due now, whatever they came to. Left alone are those under way, and those whose
/// configuration is gone. Attempts go on counting where they ended, and the
/// configuration's retries are granted anew. Returns which were queued.
///
/// # Errors
/// When the database fails.
pub async fn replay(
    store: &Store,
    scope: &TenantScope,
    event: EventRowId,
    configurations: &[ConfigurationId],
) -> Result<Vec<ConfigurationId>, StoreError> {
    queue_again(store, scope, event, configurations, &[]).await
}

/// A delivery with neither an execution nor a queue row is in a worker's memory, and one with a lease is too.
async fn queue_again(
    store: &Store,
    scope: &TenantScope,
    event: EventRowId,
    configurations: &[ConfigurationId],
    except_last: &[&str],
) -> Result<Vec<ConfigurationId>, StoreError> {
    let ids: Vec<Uuid> = configurations.iter().map(|id| id.uuid()).collect();
    let mut change = store.change(scope).await?;
    let queued = sqlx::query!(
        r#"
        WITH event AS (
            SELECT id, accepted_at, tenant_id FROM events WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2)
        ), settled AS (
            SELECT x.configuration_id, max(x.attempt) AS attempt, (array_agg(x.status ORDER BY x.id DESC))[1] AS last
            FROM event e
            JOIN callback_executions x ON x.event_row_id = e.id AND x.started_at >= e.accepted_at - interval '1 day'
            GROUP BY x.configuration_id
        )
        INSERT INTO delivery_queue AS q (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, attempts_before, due_at)
        SELECT e.id, c.id, e.tenant_id, e.accepted_at, (coalesce(s.attempt, 0) + 1)::smallint, coalesce(s.attempt, 0), now()
        FROM event e
        JOIN callback_configurations c ON c.tenant_id = e.tenant_id AND c.id = ANY ($3::uuid[])
        LEFT JOIN settled s ON s.configuration_id = c.id
        WHERE s.last <> ALL ($4::text[])
           OR EXISTS (SELECT FROM delivery_queue w WHERE w.event_row_id = e.id AND w.configuration_id = c.id)
        ORDER BY c.id
        ON CONFLICT (event_row_id, configuration_id) DO UPDATE SET due_at = now(), hold_reason = NULL
            WHERE q.leased_by IS NULL
        RETURNING configuration_id, tenant_id
        "#,
        event.uuid(),
        scope.sql(),
        &ids,
        except_last as &[&str],
    )
    .fetch_all(&mut *change)
    .await?;
    let Some(first) = queued.first() else { return Ok(Vec::new()) };
    let configurations: Vec<ConfigurationId> = queued.iter().map(|row| row.configuration_id.into()).collect();
    let ids: Vec<_> = configurations
        .iter()
        .map(|configuration| DeliveryId { event, configuration: *configuration })
        .collect();
    change.commit([Told::created(&first.tenant_id, &json!({ "queued": ids }))?]).await?;
    Ok(configurations)
}
