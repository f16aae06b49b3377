//! The tenants that may have keys.

use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::instant;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde::Serialize;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::change::Told;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::orphaned_deliveries::skip_deliveries_of_deleted;
use crate::payload_keys::DATA_KEY_COLUMN;
use crate::sealed_payload::DataKey;
use crate::secret_column::SecretPlace;
use crate::store::Store;

/// A tenant as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredTenant {
    /// Its id, as keys, configurations and events name it.
    pub id: TenantId,
    /// A name for people.
    pub name: Option<String>,
    /// Whether its keys are accepted.
    pub active: bool,
    /// Whether its payloads and response bodies are encrypted with a key of its own.
    pub payload_encryption: bool,
    /// Whether its callbacks need an authorized domain.
    pub domain_policy: DomainPolicy,
    /// Networks opened for its callbacks although they are not globally reachable, as text.
    pub allowed_networks: Vec<String>,
    /// When it was registered.
    #[serde(with = "instant")]
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    #[serde(with = "instant")]
    pub updated_at: OffsetDateTime,
}

struct TenantRow {
    id: String,
    name: Option<String>,
    active: bool,
    payload_encryption: bool,
    domain_policy: String,
    allowed_networks: Vec<String>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TenantRow {
    fn tenant(self) -> Result<StoredTenant, StoreError> {
        let Self {
            id,
            name,
            active,
            payload_encryption,
            domain_policy,
            allowed_networks,
            created_at,
            updated_at,
        } = self;
        let domain_policy =
            domain_policy.parse().map_err(|error| StoreError::corrupt("tenants.domain_policy", error))?;
        let id = stored_tenant(&id)?;
        Ok(StoredTenant {
            id,
            name,
            active,
            payload_encryption,
            domain_policy,
            allowed_networks,
            created_at,
            updated_at,
        })
    }
}

/// Registers a tenant; `None` when it is registered already.
///
/// # Errors
/// When the database fails.
pub async fn create(
    store: &Store,
    id: &TenantId,
    name: Option<&str>,
) -> Result<Option<StoredTenant>, StoreError> {
    let mut change = store.change(&TenantScope::All).await?;
    let row = sqlx::query_as!(
        TenantRow,
        r#"
        INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
        RETURNING id, name, active, payload_encryption, domain_policy, allowed_networks, created_at, updated_at
        "#,
        id.as_str(),
        name,
    )
    .fetch_optional(&mut *change)
    .await?;
    let Some(created) = row.map(TenantRow::tenant).transpose()? else { return Ok(None) };
    change.commit([Told::created(id.as_str(), &created)?]).await?;
    Ok(Some(created))
}

/// Reads one; `None` when it is not registered.
///
/// # Errors
/// When the database fails.
pub async fn get(store: &Store, id: &TenantId) -> Result<Option<StoredTenant>, StoreError> {
    let row = sqlx::query_as!(
        TenantRow,
        r#"
        SELECT id, name, active, payload_encryption, domain_policy, allowed_networks, created_at, updated_at
        FROM tenants WHERE id = $1 AND deleted_at IS NULL
        "#,
        id.as_str(),
    )
    .fetch_optional(&store.engine)
    .await?;
    row.map(TenantRow::tenant).transpose()
}

/// What of a tenant can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantChange {
    /// A name for people.
    pub name: Option<String>,
    /// Whether its keys are accepted.
    pub active: bool,
    /// Whether its payloads and response bodies are encrypted with a key of its own. What is stored stays as it is.
    pub payload_encryption: bool,
    /// Whether its callbacks need an authorized domain.
    pub domain_policy: DomainPolicy,
    /// Networks opened for its callbacks.
    pub allowed_networks: Vec<String>,
}

/// Writes what can be changed; `None` when it is not registered. The first time payloads are to be encrypted, the
/// tenant gets its key.
///
/// # Errors
/// When the database fails.
pub async fn update(
    store: &Store,
    id: &TenantId,
    wanted: &TenantChange,
) -> Result<Option<StoredTenant>, StoreError> {
    let mut change = store.change(&TenantScope::All).await?;
    let Some(before) = locked(&mut change, id).await? else { return Ok(None) };
    let row = sqlx::query_as!(
        TenantRow,
        r#"
        UPDATE tenants SET name = $2, active = $3, payload_encryption = $4, domain_policy = $5, allowed_networks = $6,
            updated_at = now()
        WHERE id = $1 AND deleted_at IS NULL
        RETURNING id, name, active, payload_encryption, domain_policy, allowed_networks, created_at, updated_at
        "#,
        id.as_str(),
        wanted.name,
        wanted.active,
        wanted.payload_encryption,
        wanted.domain_policy.as_str(),
        &wanted.allowed_networks,
    )
    .fetch_one(&mut *change)
    .await?;
    if wanted.payload_encryption {
        insert_data_key(store, &mut change, id).await?;
    }
    let after = row.tenant()?;
    change.commit([Told::changed(id.as_str(), &before, &after)?]).await?;
    Ok(Some(after))
}

/// What is there before it is changed; nobody else changes it until this transaction ends.
async fn locked(connection: &mut PgConnection, id: &TenantId) -> Result<Option<StoredTenant>, StoreError> {
    let row = sqlx::query_as!(
        TenantRow,
        r#"
        SELECT id, name, active, payload_encryption, domain_policy, allowed_networks, created_at, updated_at
        FROM tenants WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
        "#,
        id.as_str(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(TenantRow::tenant).transpose()
}

/// Makes a key unless there is one.
async fn insert_data_key(
    store: &Store,
    connection: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), StoreError> {
    let row = Uuid::now_v7();
    let place = SecretPlace { tenant, row, column: DATA_KEY_COLUMN };
    let sealed = store.keyring.seal(place, &DataKey::generate().text())?;
    sqlx::query!(
        r#"
        INSERT INTO tenant_data_keys (id, tenant_id, sealed_key) VALUES ($1, $2, $3)
        ON CONFLICT (tenant_id) DO NOTHING
        "#,
        row,
        tenant.as_str(),
        sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a tenant: its data key, so that payloads encrypted with it can never be read again, its API keys,
/// configurations, domains, subscriptions, and what waits for them. Events and executions stay until retention removes
/// them; the audit log stays. `false` when it was never registered; deleting it again does no harm.
///
/// # Errors
/// When the database fails; then nothing is deleted.
pub async fn delete(store: &Store, id: &TenantId) -> Result<bool, StoreError> {
    let mut change = store.change(&TenantScope::All).await?;
    let before = locked(&mut change, id).await?;
    let known = sqlx::query!(
        r#"
        UPDATE tenants SET active = false, deleted_at = coalesce(deleted_at, now()), updated_at = now() WHERE id = $1
        "#,
        id.as_str(),
    )
    .execute(&mut *change)
    .await?
    .rows_affected();
    if known == 0 {
        return Ok(false);
    }
    let configurations = sqlx::query_scalar!(
        r#"
        WITH data_keys AS (DELETE FROM tenant_data_keys WHERE tenant_id = $1),
             keys AS (DELETE FROM api_keys WHERE tenant_id = $1),
             state AS (DELETE FROM configuration_state WHERE tenant_id = $1),
             domains AS (DELETE FROM authorized_domains WHERE tenant_id = $1),
             totals AS (DELETE FROM domain_totals WHERE tenant_id = $1),
             quarantined AS (DELETE FROM quarantined_messages WHERE tenant_id = $1),
             catalogue AS (DELETE FROM event_types WHERE tenant_id = $1),
             enforcement AS (DELETE FROM event_type_enforcement WHERE tenant_id = $1),
             answers AS (DELETE FROM idempotency_keys WHERE tenant_id = $1),
             subscriptions AS (DELETE FROM event_subscriptions WHERE tenant_id = $1)
        DELETE FROM callback_configurations WHERE tenant_id = $1 RETURNING id
        "#,
        id.as_str(),
    )
    .fetch_all(&mut *change)
    .await?;
    // What a tenant that is deleted already still had is taken too, but nothing was changed that could be told.
    let told = before.map(|before| Told::deleted(id.as_str(), &before)).transpose()?;
    change.commit(told).await?;
    for configuration in configurations {
        // A long queue may outlast this call's patience; the hourly sweep ends whatever is left.
        if let Err(error) = skip_deliveries_of_deleted(store, configuration.into()).await {
            tracing::warn!(tenant_id = %id, %error, "not all deliveries of deleted tenant {id} ended yet");
            break;
        }
    }
    Ok(true)
}

/// Registered tenants in the order of their ids, after `after`.
///
/// # Errors
/// When the database fails.
pub async fn list_across_tenants(
    store: &Store,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<StoredTenant>, StoreError> {
    let rows = sqlx::query_as!(
        TenantRow,
        r#"
        SELECT id, name, active, payload_encryption, domain_policy, allowed_networks, created_at, updated_at FROM tenants
        WHERE deleted_at IS NULL AND ($1::text IS NULL OR id > $1) ORDER BY id LIMIT $2
        "#,
        after,
        limit,
    )
    .fetch_all(&store.engine)
    .await?;
    rows.into_iter().map(TenantRow::tenant).collect()
}

/// Tenants that were switched off.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn switched_off_across_tenants(store: &Store) -> Result<Vec<TenantId>, StoreError> {
    let rows =
        sqlx::query_scalar!("SELECT id FROM tenants WHERE NOT active").fetch_all(&store.engine).await?;
    rows.iter().map(|id| stored_tenant(id)).collect()
}
