//! Event subscriptions: which broker topics feed which tenant.

use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::event_subscriptions as stored;
use serde_json::{Map, Value, json};

use super::Management;
use super::callback_configurations::owner;
use super::error::ManagementError;

pub use super::subscription_status::status;
pub use callbacks_interfaces::subscription_status::SubscriptionStatus;

const WHAT: &str = "Event subscription";

/// Creates one.
pub async fn create(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<EventSubscription, ManagementError> {
    let draft = EventSubscriptionDraft::create(body)?;
    owner(desk, scope, draft.tenant_id.as_ref())?;
    Ok(stored::create(&desk.store, scope, &draft).await?)
}

/// Reads one.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<EventSubscription, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// One page of those that match.
pub async fn filter(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<Page<EventSubscription>, ManagementError> {
    let request = FilterRequest::from_body(body)?;
    Ok(stored::filter(&desk.store, scope, &request).await?)
}

/// Replaces everything a caller may set.
pub async fn replace(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
    body: &Map<String, Value>,
) -> Result<EventSubscription, ManagementError> {
    let existing = get(desk, scope, id).await?;
    let draft = EventSubscriptionDraft::replace(&existing, body)?;
    write(desk, scope, id, &draft).await
}

/// Changes only what the body mentions.
pub async fn patch(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
    body: &Map<String, Value>,
) -> Result<EventSubscription, ManagementError> {
    let existing = get(desk, scope, id).await?;
    let draft = EventSubscriptionDraft::patched(&existing, body)?;
    write(desk, scope, id, &draft).await
}

/// Lets its consumer run.
pub async fn activate(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<EventSubscription, ManagementError> {
    patch(desk, scope, id, &active(json!(true))).await
}

/// Stops its consumer.
pub async fn deactivate(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<EventSubscription, ManagementError> {
    patch(desk, scope, id, &active(json!(false))).await
}

/// Deletes one.
pub async fn delete(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<(), ManagementError> {
    if stored::delete(&desk.store, scope, id).await? {
        Ok(())
    } else {
        Err(ManagementError::not_found(WHAT, &id))
    }
}

fn active(value: Value) -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), value)])
}

async fn write(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
    draft: &EventSubscriptionDraft,
) -> Result<EventSubscription, ManagementError> {
    stored::replace(&desk.store, scope, id, draft).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}
