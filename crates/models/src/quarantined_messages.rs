//! Broker messages that could not be made into events.

use bytes::Bytes;
use callbacks_interfaces::ids::{QuarantineId, SubscriptionId};
use callbacks_interfaces::quarantined_message::QuarantineState;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde_json::{Value, json};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::change::Told;
use crate::error::StoreError;
use crate::storable_text::{storable, storable_option};
use crate::store::Store;

/// A message to set aside.
#[derive(Clone, Debug)]
pub struct NewQuarantined {
    /// Whose subscription brought it.
    pub tenant: TenantId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The topic, queue or stream.
    pub topic: String,
    /// The partition, or empty.
    pub partition: String,
    /// Its offset, sequence or entry id. With the three above it names the message.
    pub position: String,
    /// Why it is no event.
    pub reason: String,
    /// The broker's time of the message.
    pub message_at: Option<OffsetDateTime>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its headers, a JSON object of strings.
    pub headers: Value,
    /// Its value, or the head of it; `None` for a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Octets of the whole value.
    pub payload_size: i64,
}

/// A message as it is stored.
#[derive(Clone, Debug)]
pub struct StoredQuarantined {
    /// Its id.
    pub id: Uuid,
    /// Whose subscription brought it.
    pub tenant_id: String,
    /// The subscription.
    pub subscription_id: Uuid,
    /// The topic, queue or stream.
    pub topic: String,
    /// The partition, or empty.
    pub partition: String,
    /// Its place there.
    pub position: String,
    /// Why it is no event.
    pub reason: String,
    /// `OPEN`, `REPLAYED` or `DISCARDED`.
    pub state: String,
    /// When it was set aside.
    pub quarantined_at: OffsetDateTime,
    /// The broker's time of the message.
    pub message_at: Option<OffsetDateTime>,
    /// When it was replayed or discarded.
    pub settled_at: Option<OffsetDateTime>,
    /// Its key.
    pub message_key: Option<Vec<u8>>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its headers, a JSON object of strings.
    pub headers: Value,
    /// Its value, or the head of it; `None` in lists.
    pub payload: Option<Vec<u8>>,
    /// Octets of the value that are kept; `None` when none are.
    pub kept_size: Option<i32>,
    /// Octets of the whole value.
    pub payload_size: i64,
}

/// Sets messages aside. One that was set aside before stays as it is, so that a message delivered again counts once.
/// Those of subscriptions deleted meanwhile are left out. Values of a tenant whose payloads are encrypted are, too. Returns how
/// many are new.
///
/// # Errors
/// When the database fails; nothing is written then.
pub async fn insert(store: &Store, messages: &[NewQuarantined]) -> Result<u64, StoreError> {
    let mut transaction = store.engine.begin().await?;
    let mut new = 0;
    for message in messages {
        let id = QuarantineId::now_v7().uuid();
        let plain = message.payload.as_deref();
        let sealed = plain.and_then(|plain| store.payload_keys.stored_payload(&message.tenant, id, plain));
        let done = sqlx::query!(
            r#"
            INSERT INTO quarantined_messages (id, tenant_id, subscription_id, topic, partition, position, reason, message_at,
                                              message_key, content_type, headers, payload, payload_size, kept_size)
            SELECT $1, $2, s.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
            FROM event_subscriptions s WHERE s.id = $3 AND s.tenant_id = $2
            ON CONFLICT (subscription_id, topic, partition, position) DO NOTHING
            "#,
            id,
            message.tenant.as_str(),
            message.subscription.uuid(),
            storable(&message.topic) as std::borrow::Cow<'_, str>,
            storable(&message.partition) as std::borrow::Cow<'_, str>,
            storable(&message.position) as std::borrow::Cow<'_, str>,
            storable(&message.reason) as std::borrow::Cow<'_, str>,
            message.message_at,
            message.key,
            storable_option(message.content_type.as_deref()) as Option<std::borrow::Cow<'_, str>>,
            message.headers,
            sealed.as_deref().or(plain),
            message.payload_size,
            plain.map(|plain| i32::try_from(plain.len()).unwrap_or(i32::MAX)),
        )
        .execute(&mut *transaction)
        .await?;
        new += done.rows_affected();
    }
    transaction.commit().await?;
    Ok(new)
}

/// Messages of a scope, newest first, without their values, keys and headers, which may be large: those below `before`, at most `limit`, of one subscription
/// and in one state where they are given.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    scope: &TenantScope,
    subscription: Option<SubscriptionId>,
    state: Option<QuarantineState>,
    before: Option<QuarantineId>,
    limit: i64,
) -> Result<Vec<StoredQuarantined>, StoreError> {
    let rows = sqlx::query_as!(
        StoredQuarantined,
        r#"
        SELECT id, tenant_id, subscription_id, topic, partition, position, reason, state, quarantined_at, message_at,
               settled_at, NULL::bytea AS message_key, content_type, '{}'::jsonb AS "headers!",
               NULL::bytea AS payload, payload_size,
               CASE WHEN payload IS NOT NULL THEN coalesce(kept_size, octet_length(payload)) END AS kept_size
        FROM quarantined_messages
        WHERE ($1::text IS NULL OR tenant_id = $1) AND ($2::uuid IS NULL OR subscription_id = $2)
              AND ($3::uuid IS NULL OR id < $3) AND ($5::text IS NULL OR state = $5)
        ORDER BY id DESC LIMIT $4
        "#,
        scope.sql(),
        subscription.map(SubscriptionId::uuid),
        before.map(QuarantineId::uuid),
        limit,
        state.map(QuarantineState::as_str),
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    Ok(rows)
}

/// Reads one with its value; `None` when there is none in scope.
///
/// # Errors
/// When the database fails, or the value is encrypted with a key that is not there.
pub async fn get(
    store: &Store,
    scope: &TenantScope,
    id: QuarantineId,
) -> Result<Option<StoredQuarantined>, StoreError> {
    let row = sqlx::query_as!(
        StoredQuarantined,
        r#"
        SELECT id, tenant_id, subscription_id, topic, partition, position, reason, state, quarantined_at, message_at,
               settled_at, message_key, content_type, headers, payload, payload_size,
               CASE WHEN payload IS NOT NULL THEN coalesce(kept_size, octet_length(payload)) END AS kept_size
        FROM quarantined_messages
        WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2)
        "#,
        id.uuid(),
        scope.sql(),
    )
    .fetch_optional(&mut *store.read(scope).await?)
    .await?;
    let Some(mut row) = row else { return Ok(None) };
    if let Some(stored) = row.payload.take() {
        let corrupt = |reason: &str| StoreError::corrupt("quarantined_messages.payload", reason);
        let tenant = TenantId::owner(&row.tenant_id).map_err(|_| corrupt("its tenant is none"))?;
        let plain = store.payload(&tenant, row.id, Bytes::from(stored)).await?;
        // Without its value it would look like a tombstone.
        row.payload = Some(plain.ok_or_else(|| corrupt("its tenant's key cannot be had"))?.into());
    }
    Ok(Some(row))
}

/// Says that an open message was accepted as an event; `false` when it is not open any more.
///
/// # Errors
/// When the database fails.
pub async fn mark_replayed(store: &Store, scope: &TenantScope, id: QuarantineId) -> Result<bool, StoreError> {
    settle(store, scope, id, QuarantineState::Replayed).await
}

/// Discards an open message and forgets its value; `false` when it is not open any more.
///
/// # Errors
/// When the database fails.
pub async fn discard(store: &Store, scope: &TenantScope, id: QuarantineId) -> Result<bool, StoreError> {
    settle(store, scope, id, QuarantineState::Discarded).await
}

/// The row stays, without what it held: a message that is delivered again must be recognised.
async fn settle(
    store: &Store,
    scope: &TenantScope,
    id: QuarantineId,
    state: QuarantineState,
) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let tenant = sqlx::query_scalar!(
        r#"
        UPDATE quarantined_messages
        SET state = $3, settled_at = now(), payload = NULL, message_key = NULL, headers = '{}'
        WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2) AND state = 'OPEN'
        RETURNING tenant_id
        "#,
        id.uuid(),
        scope.sql(),
        state.as_str(),
    )
    .fetch_optional(&mut *change)
    .await?;
    let Some(tenant) = tenant else { return Ok(false) };
    let view = |state| json!({ "id": id, "state": state });
    change.commit([Told::changed(&tenant, &view(QuarantineState::Open), &view(state))?]).await?;
    Ok(true)
}

/// Open messages of a subscription in scope.
///
/// # Errors
/// When the database fails.
pub async fn open_messages(
    store: &Store,
    scope: &TenantScope,
    subscription: SubscriptionId,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM quarantined_messages WHERE subscription_id = $1 AND state = 'OPEN'
           AND ($2::text IS NULL OR tenant_id = $2)"#,
        subscription.uuid(),
        scope.sql(),
    )
    .fetch_one(&mut *store.read(scope).await?)
    .await?;
    Ok(count)
}
