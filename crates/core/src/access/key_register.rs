//! Makes, lists and revokes keys.

use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::api_keys::{self as stored, NewApiKey};
use callbacks_models::error::StoreError;
use callbacks_models::store::Store;
use time::OffsetDateTime;
use uuid::Uuid;

use super::api_key::IssuedKey;
use super::role::Role;

pub use callbacks_models::api_keys::StoredApiKey as ApiKeyView;

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
    /// No key of a deleted tenant is ever accepted.
    #[error(
        "the tenant {0} was deleted and no key of it is accepted; its id is never given again, name another tenant"
    )]
    TenantDeleted(TenantId),
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
    let created = stored::create(store, &key).await?;
    match (created, key.tenant) {
        (Some(view), _) => Ok(NewKey { view, key: issued.text }),
        (None, Some(tenant)) => Err(IssueError::TenantDeleted(tenant)),
        (None, None) => Err(StoreError::Corrupt("an operator's key has a tenant".to_owned()).into()),
    }
}

/// Revokes a key for good; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub async fn revoke(store: &Store, id: Uuid) -> Result<Option<ApiKeyView>, StoreError> {
    stored::revoke(store, id).await
}

/// Reads one; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub async fn get(store: &Store, id: Uuid) -> Result<Option<ApiKeyView>, StoreError> {
    stored::get(store, id).await
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
    stored::list_across_tenants(store, tenant, before, i64::from(limit)).await
}
