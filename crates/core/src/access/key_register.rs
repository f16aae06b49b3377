//! Makes, lists and revokes keys.

use callbacks_interfaces::instant;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::api_keys::{self as stored, NewApiKey, StoredApiKey};
use callbacks_models::error::StoreError;
use callbacks_models::store::Store;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::api_key::IssuedKey;
use super::role::Role;

/// A key as it is shown: everything but the key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyView {
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

impl From<StoredApiKey> for ApiKeyView {
    fn from(key: StoredApiKey) -> Self {
        let StoredApiKey { id, tenant_id, role, name, created_at, created_by, expires_at, .. } = key;
        let (revoked_at, last_used_at) = (key.revoked_at, key.last_used_at);
        Self { id, name, role, tenant_id, created_at, created_by, expires_at, revoked_at, last_used_at }
    }
}

/// Whose key is wanted, and what for.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// A name for people.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// Whose it is.
    pub tenant: Option<TenantId>,
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
}

/// A key that was just made.
pub struct NewKey {
    /// What will be shown of it from now on.
    pub view: ApiKeyView,
    /// The key itself, shown this once.
    pub key: SecretText,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// An operator belongs to no tenant, every other role to one.
    #[error("an operator's key has no tenant, a key of any other role needs one")]
    RoleAndTenant,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key.
///
/// # Errors
/// When role and tenant do not go together, or the database fails.
pub async fn issue(store: &Store, request: KeyRequest, created_by: &str) -> Result<NewKey, IssueError> {
    if (request.role == Role::Operator) != request.tenant.is_none() {
        return Err(IssueError::RoleAndTenant);
    }
    let Some(issued) = IssuedKey::generate() else {
        return Err(IssueError::Store(StoreError::Corrupt("the generated key".to_owned())));
    };
    let key = NewApiKey {
        id: issued.id,
        tenant: request.tenant,
        role: request.role.as_str(),
        name: request.name,
        secret_hash: issued.secret_hash,
        created_by: created_by.to_owned(),
        expires_at: request.expires_at,
    };
    let view = stored::create(store, &key).await?.into();
    Ok(NewKey { view, key: issued.text })
}

/// Revokes a key for good; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub async fn revoke(store: &Store, id: Uuid) -> Result<Option<ApiKeyView>, StoreError> {
    Ok(stored::revoke(store, id).await?.map(ApiKeyView::from))
}

/// Reads one; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub async fn get(store: &Store, id: Uuid) -> Result<Option<ApiKeyView>, StoreError> {
    Ok(stored::get(store, id).await?.map(ApiKeyView::from))
}

/// Keys newest first, of one tenant or of all, below `before`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    tenant: Option<&TenantId>,
    before: Option<Uuid>,
    limit: u32,
) -> Result<Vec<ApiKeyView>, StoreError> {
    let rows = stored::list_across_tenants(store, tenant, before, i64::from(limit)).await?;
    Ok(rows.into_iter().map(ApiKeyView::from).collect())
}
