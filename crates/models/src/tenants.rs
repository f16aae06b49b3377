//! The tenants that may have keys.

use callbacks_interfaces::tenant::TenantId;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::store::Store;

/// A tenant as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTenant {
    /// Its id, as keys, configurations and events name it.
    pub id: TenantId,
    /// A name for people.
    pub name: Option<String>,
    /// Whether its keys are accepted.
    pub active: bool,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

struct TenantRow {
    id: String,
    name: Option<String>,
    active: bool,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TenantRow {
    fn tenant(self) -> Result<StoredTenant, StoreError> {
        let Self { id, name, active, created_at, updated_at } = self;
        Ok(StoredTenant { id: stored_tenant(&id)?, name, active, created_at, updated_at })
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
    let row = sqlx::query_as!(
        TenantRow,
        r#"
        INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
        RETURNING id, name, active, created_at, updated_at
        "#,
        id.as_str(),
        name,
    )
    .fetch_optional(&store.engine)
    .await?;
    row.map(TenantRow::tenant).transpose()
}

/// Reads one; `None` when it is not registered.
///
/// # Errors
/// When the database fails.
pub async fn get(store: &Store, id: &TenantId) -> Result<Option<StoredTenant>, StoreError> {
    let row = sqlx::query_as!(
        TenantRow,
        "SELECT id, name, active, created_at, updated_at FROM tenants WHERE id = $1",
        id.as_str(),
    )
    .fetch_optional(&store.engine)
    .await?;
    row.map(TenantRow::tenant).transpose()
}

/// Writes name and activity; `None` when it is not registered.
///
/// # Errors
/// When the database fails.
pub async fn update(
    store: &Store,
    id: &TenantId,
    name: Option<&str>,
    active: bool,
) -> Result<Option<StoredTenant>, StoreError> {
    let row = sqlx::query_as!(
        TenantRow,
        r#"
        UPDATE tenants SET name = $2, active = $3, updated_at = now() WHERE id = $1
        RETURNING id, name, active, created_at, updated_at
        "#,
        id.as_str(),
        name,
        active,
    )
    .fetch_optional(&store.engine)
    .await?;
    row.map(TenantRow::tenant).transpose()
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
        SELECT id, name, active, created_at, updated_at FROM tenants
        WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2
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
