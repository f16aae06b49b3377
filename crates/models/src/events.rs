//! Stored events: read only. They are written by acceptance.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::event::{EventDeliveryView, EventView};
use callbacks_interfaces::ids::EventRowId;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde_json::value::RawValue;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::delivery_row::DeliveryRow;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::execution_row::document;
use crate::store::Store;

/// Which events a list shows; what is `None` does not restrict it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventSearch {
    /// Those of one tenant (within the scope).
    pub tenant: Option<TenantId>,
    /// Those of one type.
    pub event_type: Option<String>,
    /// Those with one producer's id.
    pub event_id: Option<String>,
    /// Those of one source.
    pub source: Option<String>,
    /// Those accepted at that time or later.
    pub from: Option<OffsetDateTime>,
    /// Those accepted before that time.
    pub to: Option<OffsetDateTime>,
}

/// Reads one with its payload and its deliveries. `id` is the service's id or the producer's; of several events with the
/// same producer's id, the newest. `None` when there is none in scope.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn get(store: &Store, scope: &TenantScope, id: &str) -> Result<Option<EventView>, StoreError> {
    let mut connection = store.read(scope).await?;
    let Some(row) = find(&mut connection, scope, id).await? else {
        return Ok(None);
    };
    let payload = sqlx::query_scalar!(
        "SELECT payload FROM events WHERE id = $1 AND accepted_at = $2 AND tenant_id = $3",
        row.id,
        row.accepted_at,
        row.tenant_id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let deliveries = deliveries_of(&mut connection, scope, row.id).await?;
    let row_id = row.id;
    let mut view = row.view()?;
    view.deliveries = Some(deliveries);
    drop(connection);
    let payload = match payload {
        Some(stored) => store.payload(&view.tenant_id, row_id, stored.into()).await?,
        None => None,
    };
    if let Some(payload) = payload {
        match serde_json::from_slice::<Box<RawValue>>(&payload) {
            Ok(json) => view.payload = Some(json),
            Err(_) => view.payload_base64 = Some(STANDARD.encode(payload)),
        }
    }
    Ok(Some(view))
}

/// Payloads of events of one tenant; those that are gone, or whose key is, are left out.
///
/// # Errors
/// When the database fails, or a payload cannot be opened.
pub async fn payloads(
    store: &Store,
    tenant: &TenantId,
    ids: &[EventRowId],
) -> Result<Vec<(EventRowId, Bytes)>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        "SELECT id, payload FROM events WHERE id = ANY($1) AND tenant_id = $2",
        &ids,
        tenant.as_str(),
    )
    .fetch_all(&store.engine)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(payload) = store.payload(tenant, row.id, row.payload.into()).await? {
            found.push((row.id.into(), payload));
        }
    }
    Ok(found)
}

/// Where the deliveries of one event are, in the order of their configurations.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn deliveries(
    store: &Store,
    scope: &TenantScope,
    event: EventRowId,
) -> Result<Vec<EventDeliveryView>, StoreError> {
    let mut connection = store.read(scope).await?;
    deliveries_of(&mut connection, scope, event.uuid()).await
}

async fn deliveries_of(
    connection: &mut PgConnection,
    scope: &TenantScope,
    event: Uuid,
) -> Result<Vec<EventDeliveryView>, StoreError> {
    let mut rows = DeliveryRow::of_event(connection, scope, event).await?;
    rows.sort_unstable_by_key(|row| row.configuration_id);
    rows.into_iter().map(DeliveryRow::part_of_event).collect()
}

/// Up to `limit` events that match, newest first, older than `before`, without payloads and deliveries.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn search(
    store: &Store,
    scope: &TenantScope,
    search: &EventSearch,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<EventView>, StoreError> {
    let named = search.tenant.as_ref().map(TenantId::as_str);
    if scope.sql().zip(named).is_some_and(|(own, named)| own != named) {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        EventRow,
        r#"
        SELECT id, accepted_at, tenant_id, event_id, source, source_event_id, event_type, content_type, occurred_at,
               headers, cardinality(targets) AS "matched!"
        FROM events
        WHERE ($1::text IS NULL OR tenant_id = $1)
          AND ($2::text IS NULL OR event_type = $2)
          AND ($3::text IS NULL OR event_id = $3 OR id = $4)
          AND ($5::text IS NULL OR source = $5)
          AND ($6::timestamptz IS NULL OR accepted_at >= $6)
          AND ($7::timestamptz IS NULL OR accepted_at < $7)
          AND ($8::uuid IS NULL OR id < $8)
        ORDER BY id DESC
        LIMIT $9
        "#,
        scope.sql().or(named),
        search.event_type,
        search.event_id,
        search.event_id.as_deref().and_then(|id| Uuid::parse_str(id).ok()),
        search.source,
        search.from,
        search.to,
        before.map(Cursor::before),
        limit,
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    rows.into_iter().map(EventRow::view).collect()
}

/// The tenants are named even for an operator, because the index of producers' ids starts with them.
async fn find(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: &str,
) -> Result<Option<EventRow>, StoreError> {
    if id.contains('\0') {
        return Ok(None);
    }
    let row_id = Uuid::parse_str(id).ok();
    let row = sqlx::query_as!(
        EventRow,
        r#"
        SELECT id AS "id!", accepted_at AS "accepted_at!", tenant_id AS "tenant_id!", event_id, source AS "source!",
               source_event_id, event_type AS "event_type!", content_type, occurred_at, headers, matched AS "matched!"
        FROM (
            SELECT id, accepted_at, tenant_id, event_id, source, source_event_id, event_type, content_type, occurred_at,
                   headers, cardinality(targets) AS matched, 1 AS rank
            FROM events WHERE id = $1 AND ($3::text IS NULL OR tenant_id = $3)
            UNION ALL
            (SELECT id, accepted_at, tenant_id, event_id, source, source_event_id, event_type, content_type, occurred_at,
                    headers, cardinality(targets) AS matched, 2 AS rank
             FROM events
             WHERE event_id = $2
               AND tenant_id = ANY (CASE WHEN $3::text IS NULL THEN ARRAY(SELECT tenant_id FROM directory_versions)
                                    ELSE ARRAY[$3] END)
             ORDER BY accepted_at DESC LIMIT 1)
        ) AS found
        ORDER BY rank LIMIT 1
        "#,
        row_id,
        id,
        scope.sql(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

struct EventRow {
    id: Uuid,
    accepted_at: OffsetDateTime,
    tenant_id: String,
    event_id: Option<String>,
    source: String,
    source_event_id: Option<Uuid>,
    event_type: String,
    content_type: Option<String>,
    occurred_at: Option<OffsetDateTime>,
    headers: Option<String>,
    matched: i32,
}

impl EventRow {
    fn view(self) -> Result<EventView, StoreError> {
        let headers: Option<BTreeMap<String, String>> = document("headers", self.headers.as_deref())?;
        Ok(EventView {
            id: self.id.into(),
            event_id: self.event_id.unwrap_or_else(|| self.id.to_string()),
            source_event_id: self.source_event_id.unwrap_or(self.id),
            tenant_id: stored_tenant(&self.tenant_id)?,
            event_type: self.event_type,
            source: Some(self.source).filter(|source| !source.is_empty()),
            content_type: self.content_type,
            occurred_at: self.occurred_at,
            accepted_at: self.accepted_at,
            headers,
            matched: self.matched.unsigned_abs(),
            payload: None,
            payload_base64: None,
            deliveries: None,
        })
    }
}
