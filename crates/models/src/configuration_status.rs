//! Transitions of a configuration's status that the engine decides, and the probes and holds that go with them.
//! Each says whether it changed anything, so of several replicas that decide the same one acts.

use std::time::Duration;

use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;

use crate::error::StoreError;
use crate::store::Store;

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// ACTIVE → PAUSED by the service itself, if its failures in a row still reach the threshold (a success may have come in
/// between); a probe is due `probe_after` from now.
///
/// # Errors
/// When the database fails.
pub async fn pause_automatically(
    store: &Store,
    tenant: &TenantId,
    id: ConfigurationId,
    probe_after: Duration,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        WITH paused AS (
            UPDATE callback_configurations SET status = 'PAUSED', updated_at = now()
            WHERE tenant_id = $1 AND id = $2 AND status = 'ACTIVE'
              AND failure_threshold <= (SELECT failure_count FROM configuration_state
                                        WHERE configuration_id = $2 AND tenant_id = $1)
            RETURNING id, tenant_id
        )
        INSERT INTO configuration_state (configuration_id, tenant_id, probe_at, failed_probes)
        SELECT id, tenant_id, now() + $3::bigint * interval '1 millisecond', 0 FROM paused
        ON CONFLICT (configuration_id) DO UPDATE SET probe_at = EXCLUDED.probe_at, failed_probes = 0
        "#,
        tenant.as_str(),
        id.uuid(),
        milliseconds(probe_after),
    )
    .execute(&store.engine)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A probe failed: counts it and puts the next one off. Does nothing once the configuration waits for no probe.
///
/// # Errors
/// When the database fails.
pub async fn probe_again(
    store: &Store,
    tenant: &TenantId,
    id: ConfigurationId,
    probe_after: Duration,
) -> Result<bool, StoreError> {
    let postponed = sqlx::query!(
        r#"
        WITH postponed AS (
            UPDATE configuration_state
            SET failed_probes = failed_probes + 1, probe_at = now() + $3::bigint * interval '1 millisecond'
            WHERE tenant_id = $1 AND configuration_id = $2 AND probe_at IS NOT NULL
            RETURNING tenant_id
        )
        SELECT touch_directory(tenant_id)::text AS touched FROM postponed
        "#,
        tenant.as_str(),
        id.uuid(),
        milliseconds(probe_after),
    )
    .fetch_optional(&store.engine)
    .await?;
    Ok(postponed.is_some())
}

/// A probe succeeded: back to ACTIVE, counting from zero. Does nothing to a configuration a person paused.
///
/// # Errors
/// When the database fails.
pub async fn reactivate(store: &Store, tenant: &TenantId, id: ConfigurationId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        WITH state AS (
            UPDATE configuration_state
            SET probe_at = NULL, failed_probes = 0, failure_count = 0, hold_until = NULL
            WHERE tenant_id = $1 AND configuration_id = $2 AND probe_at IS NOT NULL
            RETURNING configuration_id
        )
        UPDATE callback_configurations c SET status = 'ACTIVE', updated_at = now()
        FROM state WHERE c.id = state.configuration_id AND c.tenant_id = $1 AND c.status = 'PAUSED'
        "#,
        tenant.as_str(),
        id.uuid()
    )
    .execute(&store.engine)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Given up, until a person changes it: too many probes failed, or the endpoint answered 410 Gone.
/// ACTIVE or PAUSED → FAILED.
///
/// # Errors
/// When the database fails.
pub async fn mark_failed(store: &Store, tenant: &TenantId, id: ConfigurationId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        WITH state AS (
            UPDATE configuration_state SET probe_at = NULL WHERE tenant_id = $1 AND configuration_id = $2
        )
        UPDATE callback_configurations SET status = 'FAILED', updated_at = now()
        WHERE tenant_id = $1 AND id = $2 AND status IN ('ACTIVE', 'PAUSED')
        "#,
        tenant.as_str(),
        id.uuid(),
    )
    .execute(&store.engine)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The endpoint asked for silence: nothing is sent to it for `duration`, by any replica. Never shortens a hold.
///
/// # Errors
/// When the database fails.
pub async fn set_hold(
    store: &Store,
    tenant: &TenantId,
    id: ConfigurationId,
    duration: Duration,
) -> Result<bool, StoreError> {
    let held = sqlx::query!(
        r#"
        WITH held AS (
            INSERT INTO configuration_state AS s (configuration_id, tenant_id, hold_until)
            SELECT id, tenant_id, now() + $3::bigint * interval '1 millisecond'
            FROM callback_configurations WHERE tenant_id = $1 AND id = $2
            ON CONFLICT (configuration_id) DO UPDATE SET hold_until = EXCLUDED.hold_until
                WHERE s.hold_until IS NULL OR s.hold_until < EXCLUDED.hold_until
            RETURNING tenant_id
        )
        SELECT touch_directory(tenant_id)::text AS touched FROM held
        "#,
        tenant.as_str(),
        id.uuid(),
        milliseconds(duration),
    )
    .fetch_optional(&store.engine)
    .await?;
    Ok(held.is_some())
}
