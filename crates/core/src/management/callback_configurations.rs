//! Callback configurations: the endpoints of tenants.

use callbacks_interfaces::callback_configuration::{CallbackConfiguration, CallbackStatus};
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::callback_configurations as stored;
use serde_json::{Map, Value, json};

use super::Management;
use super::configuration_writing::{check, check_stored_secret};
use super::error::ManagementError;
use super::signing_keys::with_key;

const WHAT: &str = "Callback configuration";

/// Creates one from the members of a request body.
pub async fn create(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<CallbackConfiguration, ManagementError> {
    let draft = with_key(ConfigurationDraft::create(body)?)?;
    check(desk, &owner(desk, scope, draft.tenant_id.as_ref())?, &draft)?;
    let created = stored::create(&desk.store, scope, &draft).await?;
    desk.announce().await;
    Ok(created)
}

/// Reads one.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<CallbackConfiguration, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// One page of those that match.
pub async fn filter(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<Page<CallbackConfiguration>, ManagementError> {
    let request = FilterRequest::from_body(body)?;
    Ok(stored::filter(&desk.store, scope, &request).await?)
}

/// Replaces everything a caller may set; without `secret` the stored one stays.
pub async fn replace(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    body: &Map<String, Value>,
) -> Result<CallbackConfiguration, ManagementError> {
    let existing = get(desk, scope, id).await?;
    let draft = with_key(ConfigurationDraft::replace(&existing, body)?)?;
    write(desk, scope, id, &existing.tenant_id, &draft).await
}

/// Changes only what the body mentions; `null` clears what may be empty.
pub async fn patch(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    body: &Map<String, Value>,
) -> Result<CallbackConfiguration, ManagementError> {
    let existing = get(desk, scope, id).await?;
    let draft = with_key(ConfigurationDraft::patched(&existing, body)?)?;
    write(desk, scope, id, &existing.tenant_id, &draft).await
}

/// Stops new deliveries; those under way are kept (or skipped, as the configuration says).
pub async fn pause(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<CallbackConfiguration, ManagementError> {
    set_status(desk, scope, id, CallbackStatus::Paused).await
}

/// Makes a paused, disabled or failed one deliver again.
pub async fn resume(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<CallbackConfiguration, ManagementError> {
    set_status(desk, scope, id, CallbackStatus::Active).await
}

/// Deletes one.
pub async fn delete(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<(), ManagementError> {
    if !stored::delete(&desk.store, scope, id).await? {
        return Err(ManagementError::not_found(WHAT, &id));
    }
    desk.announce().await;
    Ok(())
}

/// Whose something new is; never a deleted tenant's.
pub(super) fn owner(
    desk: &Management,
    scope: &TenantScope,
    named: Option<&TenantId>,
) -> Result<TenantId, ManagementError> {
    let owner = match scope {
        TenantScope::One(own) => own.clone(),
        TenantScope::All => named.cloned().unwrap_or_else(TenantId::default_tenant),
    };
    desk.check_not_deleted(&owner, "tenantId")?;
    Ok(owner)
}

async fn set_status(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    status: CallbackStatus,
) -> Result<CallbackConfiguration, ManagementError> {
    let mut body = Map::new();
    body.insert("status".to_owned(), json!(status));
    patch(desk, scope, id, &body).await
}

async fn write(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    tenant: &TenantId,
    draft: &ConfigurationDraft,
) -> Result<CallbackConfiguration, ManagementError> {
    check(desk, tenant, draft)?;
    check_stored_secret(desk, scope, id, draft).await?;
    let written = stored::replace(&desk.store, scope, id, draft).await?;
    let written = written.ok_or_else(|| ManagementError::not_found(WHAT, &id))?;
    desk.announce().await;
    if written.status == CallbackStatus::Active {
        desk.wake(id);
    }
    Ok(written)
}
