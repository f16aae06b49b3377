//! Deliveries whose configuration was deleted: each gets a last execution (SKIPPED) that says so, and leaves the queue.
//! Those being tried right now are left to their worker.

use callbacks_interfaces::ids::{ConfigurationId, ExecutionId};
use sqlx::types::Uuid;

use crate::error::StoreError;
use crate::small_steps::{STEP, in_small_steps};
use crate::store::Store;

/// Ends those of one deleted configuration. Returns how many.
///
/// # Errors
/// When the database fails.
pub(crate) async fn skip_deliveries_of_deleted(
    store: &Store,
    id: ConfigurationId,
) -> Result<u64, StoreError> {
    skip(store, Some(id.uuid())).await
}

/// Ends those of every configuration that no longer exists. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn skip_orphaned_deliveries_across_tenants(store: &Store) -> Result<u64, StoreError> {
    skip(store, None).await
}

async fn skip(store: &Store, configuration: Option<Uuid>) -> Result<u64, StoreError> {
    in_small_steps(|| async move {
        let ids: Vec<Uuid> = (0..STEP).map(|_| ExecutionId::now_v7().uuid()).collect();
        sqlx::query!(
            r#"
            WITH orphaned AS (
                DELETE FROM delivery_queue WHERE (event_row_id, configuration_id) IN (
                    SELECT q.event_row_id, q.configuration_id FROM delivery_queue q
                    WHERE q.leased_by IS NULL
                      AND ($3::uuid IS NULL OR q.configuration_id = $3)
                      AND NOT EXISTS (SELECT FROM callback_configurations c WHERE c.id = q.configuration_id)
                    LIMIT $2
                    FOR UPDATE SKIP LOCKED)
                RETURNING event_row_id, configuration_id, tenant_id, event_accepted_at
            )
            INSERT INTO callback_executions (id, started_at, tenant_id, configuration_id, event_row_id, event_id,
                                             source_event_id, event_type, status, attempt, max_attempts, error_message)
            SELECT ($1::uuid[])[row_number() OVER ()], now(), o.tenant_id, o.configuration_id, o.event_row_id,
                   e.event_id, e.source_event_id, coalesce(e.event_type, 'unknown'), 'SKIPPED', 0, 0,
                   'The configuration was deleted'
            FROM orphaned o
            LEFT JOIN events e ON e.id = o.event_row_id AND e.accepted_at = o.event_accepted_at
            "#,
            &ids,
            STEP as i64,
            configuration,
        )
        .execute(&store.engine)
        .await
    })
    .await
}
