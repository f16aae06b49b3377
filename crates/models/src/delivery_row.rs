//! Deliveries as they are pieced together from an event's targets, the queue and the executions.

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::delivery::DeliveryView;
use callbacks_interfaces::event::EventDeliveryView;
use callbacks_interfaces::ids::DeliveryId;
use callbacks_interfaces::tenant::TenantScope;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::configuration_target::named;
use crate::delivery_state::{Waiting, delivery_state};
use crate::error::StoreError;
use crate::event_ref::stored_tenant;

/// One delivery, with what says where it is.
pub(crate) struct DeliveryRow {
    pub(crate) event_row_id: Uuid,
    pub(crate) configuration_id: Uuid,
    tenant_id: String,
    event_id: Option<String>,
    event_type: String,
    accepted_at: OffsetDateTime,
    attempts: i16,
    last_status: Option<String>,
    last_response_status: Option<i16>,
    last_error: Option<String>,
    queued_attempt: Option<i16>,
    due_at: Option<OffsetDateTime>,
    leased: Option<bool>,
    hold_reason: Option<String>,
}

impl DeliveryRow {
    /// All deliveries of one event, in any order: its targets, and whatever else has an execution or a queue row.
    pub(crate) async fn of_event(
        connection: &mut PgConnection,
        scope: &TenantScope,
        event: Uuid,
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query_as!(
            Self,
            r#"
            WITH event AS (
                SELECT id, accepted_at, tenant_id, event_id, event_type, targets FROM events
                WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2)
            ), attempts AS (
                SELECT x.id, x.configuration_id, x.attempt, x.status, x.response_status, x.error_message
                FROM event e
                JOIN callback_executions x
                  ON x.event_row_id = e.id AND x.started_at >= e.accepted_at - interval '1 day'
            ), configurations AS (
                SELECT unnest(targets) AS configuration_id FROM event
                UNION SELECT configuration_id FROM attempts
                UNION SELECT q.configuration_id FROM event e JOIN delivery_queue q ON q.event_row_id = e.id
            )
            SELECT e.id AS "event_row_id!", c.configuration_id AS "configuration_id!", e.tenant_id AS "tenant_id!",
                   e.event_id, e.event_type AS "event_type!", e.accepted_at AS "accepted_at!",
                   (SELECT coalesce(max(a.attempt), 0)::smallint FROM attempts a
                    WHERE a.configuration_id = c.configuration_id) AS "attempts!",
                   last.status AS "last_status?", last.response_status AS last_response_status,
                   last.error_message AS last_error, q.attempt AS "queued_attempt?", q.due_at AS "due_at?",
                   q.leased_by IS NOT NULL AS leased, q.hold_reason
            FROM event e
            CROSS JOIN configurations c
            LEFT JOIN LATERAL (
                SELECT a.status, a.response_status, a.error_message FROM attempts a
                WHERE a.configuration_id = c.configuration_id ORDER BY a.id DESC LIMIT 1
            ) AS last ON true
            LEFT JOIN delivery_queue q ON q.event_row_id = e.id AND q.configuration_id = c.configuration_id
            "#,
            event,
            scope.sql(),
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    fn waiting(&self) -> Option<Waiting> {
        Some(Waiting {
            attempt: self.queued_attempt?,
            due_at: self.due_at?,
            leased: self.leased.unwrap_or_default(),
            hold_reason: self.hold_reason.clone(),
        })
    }

    fn last(&self) -> Result<Option<ExecutionStatus>, StoreError> {
        let status = self.last_status.as_deref();
        status.map(|status| named("status", status)).transpose()
    }

    fn id(&self) -> DeliveryId {
        DeliveryId { event: self.event_row_id.into(), configuration: self.configuration_id.into() }
    }

    /// The delivery on its own.
    pub(crate) fn view(self) -> Result<DeliveryView, StoreError> {
        let waiting = self.waiting();
        Ok(DeliveryView {
            id: self.id(),
            state: delivery_state(waiting.as_ref(), self.last()?),
            configuration_id: self.configuration_id.into(),
            tenant_id: stored_tenant(&self.tenant_id)?,
            event_id: self.event_id.unwrap_or_else(|| self.event_row_id.to_string()),
            event_type: self.event_type,
            attempts: i32::from(self.attempts),
            next_attempt_at: waiting.map(|row| row.due_at),
            hold_reason: self.hold_reason,
            accepted_at: self.accepted_at,
        })
    }

    /// The delivery as part of its event.
    pub(crate) fn part_of_event(self) -> Result<EventDeliveryView, StoreError> {
        let waiting = self.waiting();
        Ok(EventDeliveryView {
            delivery_id: self.id(),
            configuration_id: self.configuration_id.into(),
            state: delivery_state(waiting.as_ref(), self.last()?),
            attempts: i32::from(self.attempts),
            last_status_code: self.last_response_status.map(i32::from),
            last_error: self.last_error,
            next_attempt_at: waiting.map(|row| row.due_at),
            hold_reason: self.hold_reason,
        })
    }
}
