//! Keys of the API: who holds which, and the hash of what they hold.

use callbacks_interfaces::instant;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde::Serialize;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::change::Told;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::store::Store;

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id, the public half of the key.
    pub id: Uuid,
    /// Whose it is; `None` for an operator.
    pub tenant: Option<TenantId>,
    /// Name of its role.
    pub role: &'static str,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret half.
    pub secret_hash: [u8; 32],
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
}

/// A key as it is stored and shown: everything but the key and its hash.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredApiKey {
    /// Its id, the part of the key after `cbk_`.
    pub id: Uuid,
    /// A name for people.
    pub name: String,
    /// Name of its role.
    pub role: String,
    /// Whose it is; absent for an operator's.
    pub tenant_id: Option<String>,
    /// When it was made.
    #[serde(with = "instant")]
    pub created_at: OffsetDateTime,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    #[serde(with = "instant::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(with = "instant::option")]
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was used last, to the minute.
    #[serde(with = "instant::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// What recognising a key takes.
#[derive(Clone, Debug)]
pub struct EffectiveApiKey {
    /// Its id.
    pub id: Uuid,
    /// Whose it is; `None` for an operator.
    pub tenant: Option<TenantId>,
    /// Name of its role.
    pub role: String,
    /// SHA-256 of the secret half.
    pub secret_hash: [u8; 32],
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
}

/// Stores a key, and registers its tenant if nobody has. `None` when the tenant was deleted: no key of it is accepted.
///
/// # Errors
/// When the database fails.
pub async fn create(store: &Store, key: &NewApiKey) -> Result<Option<StoredApiKey>, StoreError> {
    let tenant = key.tenant.as_ref().map(TenantId::as_str);
    let mut change = store.change(&TenantScope::All).await?;
    sqlx::query!(
        "INSERT INTO tenants (id) SELECT $1::text WHERE $1::text IS NOT NULL ON CONFLICT (id) DO NOTHING",
        tenant
    )
    .execute(&mut *change)
    .await?;
    // The lock keeps the tenant from being deleted until the key is there to be deleted with it.
    let deleted = sqlx::query_scalar!(
        r#"SELECT deleted_at IS NOT NULL AS "deleted!" FROM tenants WHERE id = $1 FOR SHARE"#,
        tenant
    )
    .fetch_optional(&mut *change)
    .await?;
    if deleted == Some(true) {
        return Ok(None);
    }
    let created = sqlx::query_as!(
        StoredApiKey,
        r#"
        INSERT INTO api_keys (id, tenant_id, role, name, secret_hash, created_by, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING id, tenant_id, role, name, created_at, created_by, expires_at, revoked_at, last_used_at
        "#,
        key.id,
        tenant,
        key.role,
        key.name,
        key.secret_hash.as_slice(),
        key.created_by,
        key.expires_at,
    )
    .fetch_one(&mut *change)
    .await?;
    change.commit([Told::created(tenant.unwrap_or_default(), &created)?]).await?;
    Ok(Some(created))
}

/// Reads one; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub async fn get(store: &Store, id: Uuid) -> Result<Option<StoredApiKey>, StoreError> {
    let found = sqlx::query_as!(
        StoredApiKey,
        r#"
        SELECT id, tenant_id, role, name, created_at, created_by, expires_at, revoked_at, last_used_at
        FROM api_keys WHERE id = $1
        "#,
        id,
    )
    .fetch_optional(&store.engine)
    .await?;
    Ok(found)
}

/// Keys newest first, of one tenant or of all, below `before`.
///
/// # Errors
/// When the database fails.
pub async fn list_across_tenants(
    store: &Store,
    tenant: Option<&TenantId>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<StoredApiKey>, StoreError> {
    let found = sqlx::query_as!(
        StoredApiKey,
        r#"
        SELECT id, tenant_id, role, name, created_at, created_by, expires_at, revoked_at, last_used_at
        FROM api_keys WHERE ($1::text IS NULL OR tenant_id = $1) AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        tenant.map(TenantId::as_str),
        before,
        limit,
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(found)
}

/// Revokes a key for good, keeping the time of the first revocation; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub async fn revoke(store: &Store, id: Uuid) -> Result<Option<StoredApiKey>, StoreError> {
    let mut change = store.change(&TenantScope::All).await?;
    let before = sqlx::query_as!(
        StoredApiKey,
        r#"
        SELECT id, tenant_id, role, name, created_at, created_by, expires_at, revoked_at, last_used_at
        FROM api_keys WHERE id = $1 FOR NO KEY UPDATE
        "#,
        id,
    )
    .fetch_optional(&mut *change)
    .await?;
    let Some(before) = before else { return Ok(None) };
    let after = sqlx::query_as!(
        StoredApiKey,
        r#"
        UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1
        RETURNING id, tenant_id, role, name, created_at, created_by, expires_at, revoked_at, last_used_at
        "#,
        id,
    )
    .fetch_one(&mut *change)
    .await?;
    change.commit([Told::changed(after.tenant_id.as_deref().unwrap_or_default(), &before, &after)?]).await?;
    Ok(Some(after))
}

/// A number that grows whenever the set of accepted keys may have changed.
///
/// # Errors
/// When the database fails.
pub async fn version_across_tenants(store: &Store) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!("SELECT version FROM access_version").fetch_one(&store.engine).await?)
}

/// Every key that is accepted now: not revoked, not expired, its tenant active.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn effective_across_tenants(store: &Store) -> Result<Vec<EffectiveApiKey>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT k.id, k.tenant_id, k.role, k.secret_hash, k.expires_at
        FROM api_keys k LEFT JOIN tenants t ON t.id = k.tenant_id
        WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
          AND (k.tenant_id IS NULL OR t.active)
        "#,
    )
    .fetch_all(&store.engine)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(EffectiveApiKey {
                id: row.id,
                tenant: row.tenant_id.map(|text| stored_tenant(&text)).transpose()?,
                role: row.role,
                secret_hash: row
                    .secret_hash
                    .try_into()
                    .map_err(|_| StoreError::corrupt("secret_hash", "not 32 bytes"))?,
                expires_at: row.expires_at,
            })
        })
        .collect()
}

/// Notes that these keys were used in this minute.
///
/// # Errors
/// When the database fails.
pub async fn mark_used_across_tenants(store: &Store, ids: &[Uuid]) -> Result<(), StoreError> {
    sqlx::query!("UPDATE api_keys SET last_used_at = date_trunc('minute', now()) WHERE id = ANY($1)", ids)
        .execute(&store.engine)
        .await?;
    Ok(())
}
