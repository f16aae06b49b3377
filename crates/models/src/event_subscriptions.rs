//! Event subscriptions: what the API writes and sees. What carries a broker's credentials is stored encrypted.

use std::collections::BTreeMap;

use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;

use crate::callback_configurations::owner;
use crate::change::Told;
use crate::error::{FilterError, StoreError};
use crate::filter_sql::{in_order, page_of_keys};
use crate::secret_column::SecretPlace;
use crate::store::Store;
use crate::subscription_row::{CONNECTION_COLUMN, PROPERTIES_COLUMN, SUBSCRIPTION_LIST, SubscriptionRow};

/// Creates a subscription: of the scope's tenant, or for an operator of the one the draft names (else `default`).
///
/// # Errors
/// When the database fails.
pub async fn create(
    store: &Store,
    scope: &TenantScope,
    draft: &EventSubscriptionDraft,
) -> Result<EventSubscription, StoreError> {
    let tenant = owner(scope, draft.tenant_id.as_ref());
    let id = SubscriptionId::now_v7();
    let written = Written::of(store, draft, &tenant, id)?;
    let mut change = store.change(scope).await?;
    sqlx::query!(
        r#"
        INSERT INTO event_subscriptions (
            id, tenant_id, name, description, messaging_system_type, connection_config, topic_or_queue,
            consumer_group_id, active, consumer_properties, event_type_patterns, max_concurrent_consumers,
            polling_interval_ms, metadata, created_by, updated_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        "#,
        id.uuid(),
        tenant.as_str(),
        draft.name,
        draft.description,
        draft.messaging_system_type,
        written.connection_config,
        draft.topic_or_queue,
        draft.consumer_group_id,
        draft.active,
        written.consumer_properties,
        written.patterns.as_deref(),
        draft.max_concurrent_consumers,
        draft.polling_interval_ms,
        written.metadata,
        draft.created_by,
        draft.updated_by,
    )
    .execute(&mut *change)
    .await?;
    let created = read(store, &mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::created(tenant.as_str(), &created)?]).await?;
    Ok(created)
}

/// Reads one; `None` when there is none in scope.
///
/// # Errors
/// When the database fails, or the row cannot be read.
pub async fn get(
    store: &Store,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<Option<EventSubscription>, StoreError> {
    read(store, &mut *store.read(scope).await?, scope, id).await
}

async fn read(
    store: &Store,
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<Option<EventSubscription>, StoreError> {
    let rows = SubscriptionRow::by_ids(connection, scope, &[id.uuid()]).await?;
    rows.into_iter().next().map(|row| row.view(&store.keyring)).transpose()
}

/// One page of those that match.
///
/// # Errors
/// `Invalid` for unknown fields and values of the wrong kind, otherwise the database's failure.
pub async fn filter(
    store: &Store,
    scope: &TenantScope,
    request: &FilterRequest,
) -> Result<Page<EventSubscription>, FilterError> {
    let mut connection = store.read(scope).await?;
    let keys = page_of_keys(&mut connection, &SUBSCRIPTION_LIST, scope, request).await?;
    let ids: Vec<Uuid> = keys.page.iter().map(|(id, _)| *id).collect();
    let rows = SubscriptionRow::by_ids(&mut connection, scope, &ids).await?;
    let views = in_order(&keys.page, rows, |row| (row.id, row.id))
        .into_iter()
        .map(|row| row.view(&store.keyring))
        .collect::<Result<_, _>>()?;
    Ok(Page::new(views, request.page, request.size, keys.total))
}

/// Writes everything the draft says, except the tenant; `None` when there is no such subscription in scope.
///
/// # Errors
/// When the database fails.
pub async fn replace(
    store: &Store,
    scope: &TenantScope,
    id: SubscriptionId,
    draft: &EventSubscriptionDraft,
) -> Result<Option<EventSubscription>, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(store, &mut change, scope, id).await? else {
        return Ok(None);
    };
    let tenant = &old.tenant_id;
    let written = Written::of(store, draft, tenant, id)?;
    sqlx::query!(
        r#"
        UPDATE event_subscriptions SET
            name = $3, description = $4, messaging_system_type = $5, connection_config = $6, topic_or_queue = $7,
            consumer_group_id = $8, active = $9, consumer_properties = $10, event_type_patterns = $11,
            max_concurrent_consumers = $12, polling_interval_ms = $13, metadata = $14,
            updated_by = coalesce($15, updated_by), updated_at = now()
        WHERE id = $1 AND tenant_id = $2
        "#,
        id.uuid(),
        tenant.as_str(),
        draft.name,
        draft.description,
        draft.messaging_system_type,
        written.connection_config,
        draft.topic_or_queue,
        draft.consumer_group_id,
        draft.active,
        written.consumer_properties,
        written.patterns.as_deref(),
        draft.max_concurrent_consumers,
        draft.polling_interval_ms,
        written.metadata,
        draft.updated_by,
    )
    .execute(&mut *change)
    .await?;
    let replaced = read(store, &mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::changed(tenant.as_str(), &old, &replaced)?]).await?;
    Ok(Some(replaced))
}

/// Deletes a subscription; `false` when there is none in scope.
///
/// # Errors
/// When the database fails.
pub async fn delete(store: &Store, scope: &TenantScope, id: SubscriptionId) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(store, &mut change, scope, id).await? else {
        return Ok(false);
    };
    let tenant = old.tenant_id.as_str();
    sqlx::query!("DELETE FROM event_subscriptions WHERE id = $1 AND tenant_id = $2", id.uuid(), tenant)
        .execute(&mut *change)
        .await?;
    change.commit([Told::deleted(tenant, &old)?]).await?;
    Ok(true)
}

/// What is there before it is changed; nobody else changes it until this transaction ends.
async fn locked(
    store: &Store,
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<Option<EventSubscription>, StoreError> {
    sqlx::query!(
        r#"
        SELECT id FROM event_subscriptions WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2) FOR NO KEY UPDATE
        "#,
        id.uuid(),
        scope.sql(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    read(store, connection, scope, id).await
}

fn lost() -> StoreError {
    StoreError::corrupt("event_subscriptions", "a row is gone while its transaction writes it")
}

/// What of a draft is stored in another form.
struct Written {
    connection_config: Option<String>,
    consumer_properties: Option<String>,
    patterns: Option<Vec<String>>,
    metadata: Option<Value>,
}

impl Written {
    fn of(
        store: &Store,
        draft: &EventSubscriptionDraft,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Self, StoreError> {
        let seal = |column, map: &Option<BTreeMap<String, String>>| {
            let row = id.uuid();
            let place = SecretPlace { tenant, row, column };
            store.keyring.seal_map(place, map.as_ref())
        };
        let patterns = draft.event_type_patterns.as_ref();
        Ok(Self {
            connection_config: seal(CONNECTION_COLUMN, &draft.connection_config)?,
            consumer_properties: seal(PROPERTIES_COLUMN, &draft.consumer_properties)?,
            patterns: patterns.map(|patterns| patterns.iter().map(ToString::to_string).collect()),
            metadata: draft.metadata.clone().map(Value::Object),
        })
    }
}
