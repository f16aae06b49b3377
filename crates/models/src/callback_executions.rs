//! Callback executions: read only, newest first. Executions are written by acceptance, settlement and cancellation.

use std::time::Duration;

use callbacks_interfaces::callback_execution::{CallbackExecution, ExecutionStatus};
use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId, ExecutionId};
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::TenantScope;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;

use crate::error::{FilterError, StoreError};
use crate::execution_row::{EXECUTION_LIST, ExecutionRow};
use crate::execution_statistics;
use crate::filter_sql::{in_order, page_of_keys};
use crate::scoped_connection::ScopedReading;
use crate::store::Store;

/// Which executions a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionSelection {
    /// All.
    All,
    /// Those of one configuration.
    OfConfiguration(ConfigurationId),
    /// Those with one status.
    WithStatus(ExecutionStatus),
    /// Failed attempts whose retry is still to come.
    PendingRetries,
    /// Those of one configuration that started within the time before now (database time).
    Recent {
        /// The configuration.
        configuration: ConfigurationId,
        /// How far back.
        within: Duration,
    },
}

/// Reads one, with the event's payload when that is JSON and still stored; `None` when there is none in scope.
///
/// # Errors
/// When the database fails, or the row cannot be read.
pub async fn get(
    store: &Store,
    scope: &TenantScope,
    id: ExecutionId,
) -> Result<Option<CallbackExecution>, StoreError> {
    let mut connection = store.read(scope).await?;
    let rows = ExecutionRow::by_ids(&mut connection, scope, &[id.uuid()]).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let payload = sqlx::query_scalar!(
        "SELECT payload FROM events WHERE id = $1 AND tenant_id = $2",
        row.event_row_id,
        row.tenant_id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    drop(connection);
    let event = row.event_row_id;
    let mut view = row.view(store).await?;
    let payload = match payload {
        Some(stored) => store.payload(&view.tenant_id, event, stored.into()).await?,
        None => None,
    };
    view.request_payload = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    Ok(Some(view))
}

/// The newest `limit` of a selection, older than `before`, without payloads.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn newest(
    store: &Store,
    scope: &TenantScope,
    selection: &ExecutionSelection,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<CallbackExecution>, StoreError> {
    let before = before.map(Cursor::before);
    let mut connection = store.read(scope).await?;
    let ids = match *selection {
        ExecutionSelection::PendingRetries => {
            pending_retry_ids(&mut connection, scope, before, limit).await?
        }
        _ => newest_ids(&mut connection, scope, selection, before, limit).await?,
    };
    views_in_order(store, connection, scope, ids).await
}

async fn newest_ids(
    connection: &mut PgConnection,
    scope: &TenantScope,
    selection: &ExecutionSelection,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let (configuration, status, within) = match *selection {
        ExecutionSelection::OfConfiguration(id) => (Some(id.uuid()), None, None),
        ExecutionSelection::WithStatus(status) => (None, Some(status.as_str()), None),
        ExecutionSelection::Recent { configuration, within } => {
            (Some(configuration.uuid()), None, Some(seconds(within)))
        }
        ExecutionSelection::All | ExecutionSelection::PendingRetries => (None, None, None),
    };
    let ids = sqlx::query_scalar!(
        r#"
        SELECT x.id FROM callback_executions x
        WHERE ($1::text IS NULL OR x.tenant_id = $1)
          AND ($2::uuid IS NULL OR x.configuration_id = $2)
          AND ($3::text IS NULL OR x.status = $3)
          AND ($4::bigint IS NULL OR x.started_at >= now() - $4 * interval '1 second')
          AND ($5::uuid IS NULL OR x.id < $5)
        ORDER BY x.id DESC
        LIMIT $6
        "#,
        scope.sql(),
        configuration,
        status,
        within,
        before,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// The queue says which retries are to come, so an attempt that was superseded is never among them.
async fn pending_retry_ids(
    connection: &mut PgConnection,
    scope: &TenantScope,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT x.id
        FROM delivery_queue q
        JOIN callback_executions x
          ON x.event_row_id = q.event_row_id AND x.configuration_id = q.configuration_id
         AND x.started_at >= q.event_accepted_at - interval '1 day'
        WHERE ($1::text IS NULL OR q.tenant_id = $1)
          AND q.attempt > 1 AND x.attempt = q.attempt - 1 AND x.status = 'FAILED_RETRYING'
          AND ($2::uuid IS NULL OR x.id < $2)
        ORDER BY x.id DESC
        LIMIT $3
        "#,
        scope.sql(),
        before,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Executions of one configuration by status, of those that started within `period` before now. A status that did not
/// occur is missing.
///
/// # Errors
/// When the database fails.
pub async fn counts_by_status(
    store: &Store,
    scope: &TenantScope,
    configuration: ConfigurationId,
    period: Duration,
) -> Result<Vec<(ExecutionStatus, i64)>, StoreError> {
    let statistics = execution_statistics::of_configuration(store, scope, configuration, period);
    Ok(statistics.await?.by_status)
}

/// Whole seconds, at most a century: no list reaches further back, and a timestamp must not overflow.
pub(crate) fn seconds(period: Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX).min(100 * 366 * 24 * 3600)
}

/// All executions of one delivery, oldest first, without payloads.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn of_delivery(
    store: &Store,
    scope: &TenantScope,
    event: EventRowId,
    configuration: ConfigurationId,
) -> Result<Vec<CallbackExecution>, StoreError> {
    let mut connection = store.read(scope).await?;
    let ids = sqlx::query_scalar!(
        r#"
        SELECT id FROM callback_executions
        WHERE event_row_id = $1 AND configuration_id = $2 AND ($3::text IS NULL OR tenant_id = $3)
        ORDER BY id
        "#,
        event.uuid(),
        configuration.uuid(),
        scope.sql(),
    )
    .fetch_all(&mut *connection)
    .await?;
    views_in_order(store, connection, scope, ids).await
}

/// The first `limit` executions of one event, oldest first, without payloads.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn of_event(
    store: &Store,
    scope: &TenantScope,
    event: EventRowId,
    limit: i64,
) -> Result<Vec<CallbackExecution>, StoreError> {
    let mut connection = store.read(scope).await?;
    let ids = sqlx::query_scalar!(
        r#"
        SELECT id FROM callback_executions
        WHERE event_row_id = $1 AND ($2::text IS NULL OR tenant_id = $2)
        ORDER BY id
        LIMIT $3
        "#,
        event.uuid(),
        scope.sql(),
        limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    views_in_order(store, connection, scope, ids).await
}

/// One page of those that match, without payloads. At most a million are counted.
///
/// # Errors
/// `Invalid` for unknown fields and values of the wrong kind, otherwise the database's failure.
pub async fn filter(
    store: &Store,
    scope: &TenantScope,
    request: &FilterRequest,
) -> Result<Page<CallbackExecution>, FilterError> {
    let mut connection = store.read(scope).await?;
    let keys = page_of_keys(&mut connection, &EXECUTION_LIST, scope, request).await?;
    let ids = keys.page.into_iter().map(|(id, _)| id).collect();
    let views = views_in_order(store, connection, scope, ids).await?;
    Ok(Page::new(views, request.page, request.size, keys.total))
}

async fn views_in_order(
    store: &Store,
    mut connection: ScopedReading,
    scope: &TenantScope,
    ids: Vec<Uuid>,
) -> Result<Vec<CallbackExecution>, StoreError> {
    let rows = ExecutionRow::by_ids(&mut connection, scope, &ids).await?;
    drop(connection);
    let keys: Vec<(Uuid, Uuid)> = ids.into_iter().map(|id| (id, id)).collect();
    let mut views = Vec::with_capacity(rows.len());
    for row in in_order(&keys, rows, |row| (row.id, row.id)) {
        views.push(row.view(store).await?);
    }
    Ok(views)
}
