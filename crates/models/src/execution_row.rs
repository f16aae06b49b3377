//! The row of an execution as the API's view needs it, and the list's fields.

use callbacks_interfaces::callback_execution::{CallbackExecution, PhaseTimingsView};
use callbacks_interfaces::ids::DeliveryId;
use callbacks_interfaces::tenant::TenantScope;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::{Duration, OffsetDateTime};

use crate::configuration_target::named;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::filter_sql::{Column, FilteredList, column};
use crate::filter_value::Kind;
use crate::store::Store;

/// The list of executions. A retry is due exactly while its queue row waits for the attempt after this one.
pub(crate) const EXECUTION_LIST: FilteredList = FilteredList {
    from: "callback_executions x",
    key: ["x.id", "x.id"],
    tenant: "x.tenant_id",
    columns: COLUMNS,
    searched: &["x.event_type", "x.event_id", "x.error_message"],
    default_order: "x.id DESC",
};

/// When the retry after an attempt is due.
const NEXT_RETRY_AT: &str = "(CASE WHEN x.status = 'FAILED_RETRYING' THEN \
    (SELECT q.due_at FROM delivery_queue q WHERE q.event_row_id = x.event_row_id \
     AND q.configuration_id = x.configuration_id AND q.attempt = x.attempt + 1) END)";

const COLUMNS: &[Column] = &[
    column("id", "x.id", Kind::Uuid),
    column("tenantId", "x.tenant_id", Kind::Text),
    column("configurationId", "x.configuration_id", Kind::Uuid),
    column("eventType", "x.event_type", Kind::Text),
    column("eventId", "coalesce(x.event_id, x.event_row_id::text)", Kind::Text),
    column("sourceEventId", "coalesce(x.source_event_id, x.event_row_id)", Kind::Uuid),
    column("status", "x.status", Kind::Text),
    column("responseStatusCode", "x.response_status", Kind::Integer),
    column("attemptNumber", "x.attempt", Kind::Integer),
    column("maxAttempts", "x.max_attempts", Kind::Integer),
    column("errorMessage", "x.error_message", Kind::Text),
    column("requestDurationMs", "(x.duration_us / 1000)", Kind::Integer),
    column("nextRetryAt", NEXT_RETRY_AT, Kind::Instant),
    column("executedAt", "x.started_at", Kind::Instant),
    column(
        "completedAt",
        "(x.started_at + coalesce(x.duration_us, 0) * interval '1 microsecond')",
        Kind::Instant,
    ),
];

/// An execution with the time its retry is due.
pub(crate) struct ExecutionRow {
    pub(crate) id: Uuid,
    pub(crate) event_row_id: Uuid,
    pub(crate) tenant_id: String,
    started_at: OffsetDateTime,
    configuration_id: Uuid,
    event_id: Option<String>,
    source_event_id: Option<Uuid>,
    event_type: String,
    status: String,
    attempt: i16,
    max_attempts: i16,
    response_status: Option<i16>,
    duration_us: Option<i32>,
    dns_us: Option<i32>,
    connect_us: Option<i32>,
    tls_us: Option<i32>,
    first_byte_us: Option<i32>,
    retry_due_at: Option<OffsetDateTime>,
    request_headers: Option<String>,
    response_headers: Option<String>,
    response_body: Option<String>,
    error_message: Option<String>,
}

impl ExecutionRow {
    /// Those of `ids` that are in scope, in any order.
    pub(crate) async fn by_ids(
        connection: &mut PgConnection,
        scope: &TenantScope,
        ids: &[Uuid],
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query_as!(
            Self,
            r#"
            SELECT x.id, x.event_row_id, x.tenant_id, x.started_at, x.configuration_id, x.event_id, x.source_event_id,
                   x.event_type, x.status, x.attempt, x.max_attempts, x.response_status, x.duration_us, x.dns_us,
                   x.connect_us, x.tls_us, x.first_byte_us, q.due_at AS "retry_due_at?", x.request_headers,
                   x.response_headers, x.response_body, x.error_message
            FROM callback_executions x
            LEFT JOIN delivery_queue q
              ON q.event_row_id = x.event_row_id AND q.configuration_id = x.configuration_id
             AND q.attempt = x.attempt + 1 AND x.status = 'FAILED_RETRYING'
            WHERE x.id = ANY ($1::uuid[]) AND ($2::text IS NULL OR x.tenant_id = $2)
            "#,
            ids,
            scope.sql(),
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// What the API shows, without the payload.
    pub(crate) async fn view(self, store: &Store) -> Result<CallbackExecution, StoreError> {
        let timings = self.timings();
        let tenant_id = stored_tenant(&self.tenant_id)?;
        let response_body = match self.response_body {
            Some(stored) => store.body(&tenant_id, self.id, stored).await?,
            None => None,
        };
        let took = self.duration_us.map_or(Duration::ZERO, |us| Duration::microseconds(i64::from(us)));
        Ok(CallbackExecution {
            id: self.id.into(),
            delivery_id: DeliveryId {
                event: self.event_row_id.into(),
                configuration: self.configuration_id.into(),
            },
            configuration_id: self.configuration_id.into(),
            tenant_id,
            event_type: self.event_type,
            event_id: self.event_id.unwrap_or_else(|| self.event_row_id.to_string()),
            source_event_id: Some(self.source_event_id.unwrap_or(self.event_row_id)),
            status: named("status", &self.status)?,
            request_payload: None,
            response_status_code: self.response_status.map(i32::from),
            response_body,
            request_headers: document("request_headers", self.request_headers.as_deref())?,
            response_headers: document("response_headers", self.response_headers.as_deref())?,
            attempt_number: i32::from(self.attempt),
            max_attempts: i32::from(self.max_attempts),
            error_message: self.error_message,
            error_stack_trace: None,
            request_duration_ms: self.duration_us.map(|us| i64::from(us) / 1000),
            next_retry_at: self.retry_due_at,
            executed_at: self.started_at,
            completed_at: Some(self.started_at + took),
            metadata: None,
            phase_timings: timings,
        })
    }

    fn timings(&self) -> Option<PhaseTimingsView> {
        self.duration_us?;
        let milliseconds = |us: Option<i32>| us.map(|us| f64::from(us) / 1000.0);
        Some(PhaseTimingsView {
            dns_ms: milliseconds(self.dns_us),
            connect_ms: milliseconds(self.connect_us),
            tls_ms: milliseconds(self.tls_us),
            first_byte_ms: milliseconds(self.first_byte_us),
        })
    }
}

/// A JSON document stored as text.
pub(crate) fn document<T: DeserializeOwned>(
    column: &str,
    stored: Option<&str>,
) -> Result<Option<T>, StoreError> {
    stored.map(serde_json::from_str).transpose().map_err(|error| StoreError::corrupt(column, error))
}
