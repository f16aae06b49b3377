//! Outcomes turned into columns, one array a column of the settlement statement.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::settlement::{ConfigurationDelta, DomainDelta, NewExecution, Next, Settled};
use crate::storable_text::storable_option;

type Texts<'a> = Vec<Option<Cow<'a, str>>>;

/// The rows for `callback_executions`.
#[derive(Default)]
pub(crate) struct ExecutionColumns<'a> {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) started_at: Vec<OffsetDateTime>,
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) configuration_ids: Vec<Uuid>,
    pub(crate) event_row_ids: Vec<Uuid>,
    pub(crate) event_ids: Texts<'a>,
    pub(crate) source_event_ids: Vec<Option<Uuid>>,
    pub(crate) event_types: Vec<&'a str>,
    pub(crate) statuses: Vec<&'static str>,
    pub(crate) attempts: Vec<i16>,
    pub(crate) max_attempts: Vec<i16>,
    pub(crate) response_statuses: Vec<Option<i16>>,
    pub(crate) durations_us: Vec<Option<i32>>,
    pub(crate) dns_us: Vec<Option<i32>>,
    pub(crate) connect_us: Vec<Option<i32>>,
    pub(crate) tls_us: Vec<Option<i32>>,
    pub(crate) first_byte_us: Vec<Option<i32>>,
    pub(crate) next_retry_ms: Vec<Option<i64>>,
    pub(crate) request_headers: Texts<'a>,
    pub(crate) response_headers: Texts<'a>,
    pub(crate) response_bodies: Texts<'a>,
    pub(crate) error_messages: Texts<'a>,
}

impl<'a> ExecutionColumns<'a> {
    /// `instead` holds what is stored in place of response bodies, by the item's position.
    pub(crate) fn of(items: &'a [Settled], instead: &'a [Option<String>]) -> Self {
        let mut columns = Self::default();
        for (index, item) in items.iter().enumerate() {
            if let Some(execution) = &item.execution {
                let instead = instead.get(index).and_then(Option::as_deref);
                columns.push_delivery(item);
                columns.push_attempt(execution, instead.or(execution.response_body.as_deref()));
            }
        }
        columns
    }

    fn push_delivery(&mut self, item: &'a Settled) {
        let event = &item.event;
        self.tenants.push(event.tenant.as_str());
        self.configuration_ids.push(item.configuration_id.uuid());
        self.event_row_ids.push(event.row_id.uuid());
        self.event_ids.push(storable_option(event.event_id.as_deref()));
        self.source_event_ids.push(event.source_event_id);
        self.event_types.push(event.event_type.as_str());
    }

    fn push_attempt(&mut self, execution: &'a NewExecution, body: Option<&'a str>) {
        self.ids.push(execution.id.uuid());
        self.started_at.push(execution.started_at);
        self.statuses.push(execution.status.as_str());
        self.attempts.push(execution.attempt);
        self.max_attempts.push(execution.max_attempts);
        self.response_statuses.push(execution.response_status);
        self.durations_us.push(execution.duration_us);
        self.dns_us.push(execution.dns_us);
        self.connect_us.push(execution.connect_us);
        self.tls_us.push(execution.tls_us);
        self.first_byte_us.push(execution.first_byte_us);
        self.next_retry_ms.push(execution.next_retry_in.map(milliseconds));
        let text = |field: &'a Option<String>| storable_option(field.as_deref());
        self.request_headers.push(text(&execution.request_headers));
        self.response_headers.push(text(&execution.response_headers));
        self.response_bodies.push(storable_option(body));
        self.error_messages.push(text(&execution.error_message));
    }
}

/// The keys of queue rows that are done.
#[derive(Default)]
pub(crate) struct FinishedColumns {
    pub(crate) event_row_ids: Vec<Uuid>,
    pub(crate) configuration_ids: Vec<Uuid>,
}

impl FinishedColumns {
    pub(crate) fn of(items: &[Settled]) -> Self {
        let done = items.iter().filter(|item| item.from_queue && item.next == Next::Done);
        let (event_row_ids, configuration_ids) =
            done.map(|item| (item.event.row_id.uuid(), item.configuration_id.uuid())).unzip();
        Self { event_row_ids, configuration_ids }
    }
}

/// Deliveries that wait in the queue from now on.
#[derive(Default)]
pub(crate) struct WaitingColumns<'a> {
    pub(crate) event_row_ids: Vec<Uuid>,
    pub(crate) configuration_ids: Vec<Uuid>,
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) event_accepted_at: Vec<OffsetDateTime>,
    pub(crate) attempts: Vec<i16>,
    pub(crate) after_ms: Vec<i64>,
    pub(crate) hold_reasons: Vec<Option<&'static str>>,
}

impl<'a> WaitingColumns<'a> {
    /// Those that have a row already.
    pub(crate) fn from_queue(items: &'a [Settled]) -> Self {
        Self::of(items.iter().filter(|item| item.from_queue))
    }

    /// Those that get one.
    pub(crate) fn from_memory(items: &'a [Settled]) -> Self {
        Self::of(items.iter().filter(|item| !item.from_queue))
    }

    fn of(items: impl Iterator<Item = &'a Settled>) -> Self {
        let mut columns = Self::default();
        for item in items {
            let Next::Attempt { attempt, after, hold_reason } = item.next else {
                continue;
            };
            columns.event_row_ids.push(item.event.row_id.uuid());
            columns.configuration_ids.push(item.configuration_id.uuid());
            columns.tenants.push(item.event.tenant.as_str());
            columns.event_accepted_at.push(item.event.accepted_at);
            columns.attempts.push(attempt);
            columns.after_ms.push(milliseconds(after));
            columns.hold_reasons.push(hold_reason);
        }
        columns
    }
}

/// What is added to `configuration_state`.
#[derive(Default)]
pub(crate) struct ConfigurationColumns<'a> {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) failures: Vec<i32>,
    pub(crate) succeeded: Vec<bool>,
    pub(crate) failed: Vec<bool>,
}

impl<'a> ConfigurationColumns<'a> {
    pub(crate) fn of(deltas: &'a [ConfigurationDelta]) -> Self {
        let mut columns = Self::default();
        for delta in deltas {
            columns.ids.push(delta.configuration_id.uuid());
            columns.tenants.push(delta.tenant.as_str());
            columns.failures.push(delta.failures);
            columns.succeeded.push(delta.succeeded);
            columns.failed.push(delta.failed);
        }
        columns
    }
}

/// What is added to `domain_totals`.
#[derive(Default)]
pub(crate) struct DomainColumns<'a> {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) callbacks: Vec<i64>,
    pub(crate) failed: Vec<i64>,
}

impl<'a> DomainColumns<'a> {
    pub(crate) fn of(deltas: &'a [DomainDelta]) -> Self {
        let mut columns = Self::default();
        for delta in deltas {
            columns.ids.push(delta.domain_id.uuid());
            columns.tenants.push(delta.tenant.as_str());
            columns.callbacks.push(delta.callbacks);
            columns.failed.push(delta.failed);
        }
        columns
    }
}

/// Milliseconds of a waiting time. Beyond a century it is cut, so that adding it to a timestamp cannot overflow.
fn milliseconds(duration: Duration) -> i64 {
    const CENTURY_MS: i64 = 100 * 366 * 24 * 3_600_000;
    i64::try_from(duration.as_millis()).unwrap_or(CENTURY_MS).min(CENTURY_MS)
}
