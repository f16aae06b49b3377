//! The way out: one fenced statement writes what a flush of deliveries came to, or nothing at all.

use std::time::Duration;

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::ids::{ConfigurationId, DomainId, ExecutionId, WorkerId};
use callbacks_interfaces::tenant::TenantId;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::error::StoreError;
pub use crate::event_ref::EventRef;
use crate::event_ref::stored_tenant;
use crate::hot_connections::within;
use crate::settlement_columns::{
    ConfigurationColumns, DomainColumns, ExecutionColumns, FinishedColumns, WaitingColumns,
};
use crate::store::Store;

/// One attempt (or one refusal or skip), as it is recorded.
#[derive(Clone, Debug)]
pub struct NewExecution {
    /// Its id.
    pub id: ExecutionId,
    /// What it came to.
    pub status: ExecutionStatus,
    /// Number of the attempt, from 1; 0 when it never reached the wire.
    pub attempt: i16,
    /// How many attempts the configuration allows.
    pub max_attempts: i16,
    /// When it started, by this process's clock.
    pub started_at: OffsetDateTime,
    /// Microseconds from dialling to the outcome; `None` when no request was made.
    pub duration_us: Option<i32>,
    /// Status of the response.
    pub response_status: Option<i16>,
    /// Headers of the response as a JSON object.
    pub response_headers: Option<String>,
    /// Body of the response, cut.
    pub response_body: Option<String>,
    /// Headers of the request as a JSON object, redacted.
    pub request_headers: Option<String>,
    /// What went wrong, for the tenant's eyes.
    pub error_message: Option<String>,
    /// Microseconds of name resolution.
    pub dns_us: Option<i32>,
    /// Microseconds of the TCP handshake.
    pub connect_us: Option<i32>,
    /// Microseconds of the TLS handshake.
    pub tls_us: Option<i32>,
    /// Microseconds until the first byte of the response.
    pub first_byte_us: Option<i32>,
    /// How long until the retry this attempt led to.
    pub next_retry_in: Option<Duration>,
}

/// What happens to a delivery next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is delivered, failed, refused or skipped.
    Done,
    /// It waits in the queue.
    Attempt {
        /// Number of the attempt it waits for, from 1.
        attempt: i16,
        /// How long it waits, counted from the database's time of the commit.
        after: Duration,
        /// Why it waits, when it is not an ordinary retry.
        hold_reason: Option<&'static str>,
    },
}

/// One delivery with its outcome.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The event.
    pub event: EventRef,
    /// The configuration.
    pub configuration_id: ConfigurationId,
    /// True when it was claimed from the queue, false when it came from this worker's memory.
    pub from_queue: bool,
    /// The attempt; `None` when it was held before the wire.
    pub execution: Option<NewExecution>,
    /// What happens next.
    pub next: Next,
}

/// What a flush adds to one configuration's counters.
#[derive(Clone, Debug)]
pub struct ConfigurationDelta {
    /// The configuration.
    pub configuration_id: ConfigurationId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Deliveries that finally failed after the last success within this flush.
    pub failures: i32,
    /// Whether a delivery succeeded: the count restarts at `failures`.
    pub succeeded: bool,
    /// Whether an attempt failed.
    pub failed: bool,
}

/// What a flush adds to one domain's counters.
#[derive(Clone, Debug)]
pub struct DomainDelta {
    /// The domain.
    pub domain_id: DomainId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Requests made.
    pub callbacks: i64,
    /// Requests that failed.
    pub failed: i64,
}

/// A committed flush.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// ACTIVE configurations of this flush whose consecutive failures reached their threshold, with the count.
    pub over_threshold: Vec<(ConfigurationId, TenantId, i32)>,
}

/// Why a flush was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The worker's row is gone: others have taken over its work. Nothing was written.
    #[error("this worker has lost its lease")]
    Fenced,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Records `items`, the counters they add to, and the end of `closed_batches`, in one statement and one commit.
///
/// The same (event, configuration) must not be given twice in one call. A batch may be closed only in a call after the
/// one that recorded its last delivery. After [`StoreError::Unavailable`] repeat the call unchanged: if the first one was
/// committed after all, the repetition is recognised by the ids of its executions and writes nothing.
///
/// # Errors
/// `Fenced` when the worker's row is gone, otherwise the database's failure; in both cases nothing is written.
pub async fn settle(
    store: &Store,
    worker: WorkerId,
    items: &[Settled],
    closed_batches: &[i64],
    configurations: &[ConfigurationDelta],
    domains: &[DomainDelta],
) -> Result<Settlement, SettleError> {
    let flush = Flush {
        executions: ExecutionColumns::of(items),
        finished: FinishedColumns::of(items),
        postponed: WaitingColumns::from_queue(items),
        queued: WaitingColumns::from_memory(items),
        configurations: ConfigurationColumns::of(configurations),
        domains: DomainColumns::of(domains),
    };
    match flush.write(store, worker, closed_batches).await {
        Err(SettleError::Store(error)) if repeats_a_committed_flush(&error) => Ok(Settlement::default()),
        other => other,
    }
}

/// Execution ids are drawn once, and a flush is atomic: seeing one again means the whole flush was committed.
fn repeats_a_committed_flush(error: &StoreError) -> bool {
    matches!(error, StoreError::Conflict { constraint }
        if constraint.starts_with("callback_executions") && constraint.ends_with("_pkey"))
}

struct Flush<'a> {
    executions: ExecutionColumns<'a>,
    finished: FinishedColumns,
    postponed: WaitingColumns<'a>,
    queued: WaitingColumns<'a>,
    configurations: ConfigurationColumns<'a>,
    domains: DomainColumns<'a>,
}

type Text<'a> = std::borrow::Cow<'a, str>;

impl Flush<'_> {
    #[expect(clippy::too_many_lines, reason = "one statement and its arguments in order")]
    async fn write(
        &self,
        store: &Store,
        worker: WorkerId,
        closed_batches: &[i64],
    ) -> Result<Settlement, SettleError> {
        let mut connection = store.settlement.acquire().await.map_err(StoreError::from)?;
        let query = sqlx::query!(
            r#"
            WITH fence AS MATERIALIZED (
                SELECT now() AS now FROM workers WHERE id = $1 FOR KEY SHARE
            ), executions AS (
                INSERT INTO callback_executions (
                    id, started_at, tenant_id, configuration_id, event_row_id, event_id, source_event_id, event_type,
                    status, attempt, max_attempts, response_status, duration_us, dns_us, connect_us, tls_us,
                    first_byte_us, next_retry_at, request_headers, response_headers, response_body, error_message)
                SELECT x.id, x.started_at, x.tenant_id, x.configuration_id, x.event_row_id, x.event_id,
                       x.source_event_id, x.event_type, x.status, x.attempt, x.max_attempts, x.response_status,
                       x.duration_us, x.dns_us, x.connect_us, x.tls_us, x.first_byte_us,
                       f.now + x.next_retry_ms * interval '1 millisecond',
                       x.request_headers, x.response_headers, x.response_body, x.error_message
                FROM fence f
                CROSS JOIN UNNEST($2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::uuid[], $7::text[],
                                  $8::uuid[], $9::text[], $10::text[], $11::smallint[], $12::smallint[],
                                  $13::smallint[], $14::int[], $15::int[], $16::int[], $17::int[], $18::int[],
                                  $19::bigint[], $20::text[], $21::text[], $22::text[], $23::text[])
                    AS x(id, started_at, tenant_id, configuration_id, event_row_id, event_id, source_event_id,
                         event_type, status, attempt, max_attempts, response_status, duration_us, dns_us, connect_us,
                         tls_us, first_byte_us, next_retry_ms, request_headers, response_headers, response_body,
                         error_message)
            ), finished AS (
                DELETE FROM delivery_queue q
                USING fence, UNNEST($24::uuid[], $25::uuid[]) AS d(event_row_id, configuration_id)
                WHERE q.event_row_id = d.event_row_id AND q.configuration_id = d.configuration_id AND q.leased_by = $1
            ), postponed AS (
                UPDATE delivery_queue q
                SET attempt = p.attempt, due_at = f.now + p.after_ms * interval '1 millisecond', leased_by = NULL,
                    hold_reason = p.hold_reason
                FROM fence f, UNNEST($26::uuid[], $27::uuid[], $28::smallint[], $29::bigint[], $30::text[])
                    AS p(event_row_id, configuration_id, attempt, after_ms, hold_reason)
                WHERE q.event_row_id = p.event_row_id AND q.configuration_id = p.configuration_id AND q.leased_by = $1
            ), queued AS (
                INSERT INTO delivery_queue AS q (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt,
                                                 due_at, hold_reason)
                SELECT n.event_row_id, n.configuration_id, n.tenant_id, n.event_accepted_at, n.attempt,
                       f.now + n.after_ms * interval '1 millisecond', n.hold_reason
                FROM fence f, UNNEST($31::uuid[], $32::uuid[], $33::text[], $34::timestamptz[], $35::smallint[],
                                     $36::bigint[], $37::text[])
                    AS n(event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, after_ms, hold_reason)
                ORDER BY n.event_row_id, n.configuration_id
                ON CONFLICT (event_row_id, configuration_id) DO UPDATE SET
                    attempt = EXCLUDED.attempt, due_at = EXCLUDED.due_at, leased_by = NULL,
                    hold_reason = EXCLUDED.hold_reason
            ), closed AS (
                DELETE FROM intake_batches b USING fence WHERE b.id = ANY ($38::bigint[]) AND b.worker_id = $1
            ), state AS (
                INSERT INTO configuration_state AS s (configuration_id, tenant_id, failure_count, last_success_at,
                                                      last_failure_at)
                SELECT d.configuration_id, d.tenant_id, d.failures, CASE WHEN d.succeeded THEN f.now END,
                       CASE WHEN d.failed THEN f.now END
                FROM fence f, UNNEST($39::uuid[], $40::text[], $41::int[], $42::bool[], $43::bool[])
                    AS d(configuration_id, tenant_id, failures, succeeded, failed)
                WHERE EXISTS (SELECT FROM callback_configurations c
                              WHERE c.id = d.configuration_id AND c.tenant_id = d.tenant_id)
                ORDER BY d.configuration_id
                ON CONFLICT (configuration_id) DO UPDATE SET
                    failure_count = EXCLUDED.failure_count
                        + CASE WHEN EXCLUDED.last_success_at IS NULL THEN s.failure_count ELSE 0 END,
                    last_success_at = coalesce(EXCLUDED.last_success_at, s.last_success_at),
                    last_failure_at = coalesce(EXCLUDED.last_failure_at, s.last_failure_at)
                RETURNING configuration_id, failure_count
            ), totals AS (
                INSERT INTO domain_totals AS t (domain_id, tenant_id, last_callback_at, total_callbacks, total_failed)
                SELECT d.domain_id, d.tenant_id, CASE WHEN d.callbacks > 0 THEN f.now END, d.callbacks, d.failed
                FROM fence f, UNNEST($44::uuid[], $45::text[], $46::bigint[], $47::bigint[])
                    AS d(domain_id, tenant_id, callbacks, failed)
                WHERE EXISTS (SELECT FROM authorized_domains a WHERE a.id = d.domain_id AND a.tenant_id = d.tenant_id)
                ORDER BY d.domain_id
                ON CONFLICT (domain_id) DO UPDATE SET
                    last_callback_at = coalesce(EXCLUDED.last_callback_at, t.last_callback_at),
                    total_callbacks = t.total_callbacks + EXCLUDED.total_callbacks,
                    total_failed = t.total_failed + EXCLUDED.total_failed
            ), over_threshold AS (
                SELECT s.configuration_id, c.tenant_id, s.failure_count
                FROM state s JOIN callback_configurations c ON c.id = s.configuration_id
                WHERE c.status = 'ACTIVE' AND s.failure_count >= c.failure_threshold AND s.failure_count > 0
            )
            SELECT o.configuration_id AS "configuration_id?", o.tenant_id AS "tenant_id?",
                   o.failure_count AS "failure_count?"
            FROM fence LEFT JOIN over_threshold o ON true
            "#,
            worker.uuid(),
            &self.executions.ids,
            &self.executions.started_at,
            &self.executions.tenants as &[&str],
            &self.executions.configuration_ids,
            &self.executions.event_row_ids,
            &self.executions.event_ids as &[Option<Text<'_>>],
            &self.executions.source_event_ids as &[Option<Uuid>],
            &self.executions.event_types as &[&str],
            &self.executions.statuses as &[&str],
            &self.executions.attempts,
            &self.executions.max_attempts,
            &self.executions.response_statuses as &[Option<i16>],
            &self.executions.durations_us as &[Option<i32>],
            &self.executions.dns_us as &[Option<i32>],
            &self.executions.connect_us as &[Option<i32>],
            &self.executions.tls_us as &[Option<i32>],
            &self.executions.first_byte_us as &[Option<i32>],
            &self.executions.next_retry_ms as &[Option<i64>],
            &self.executions.request_headers as &[Option<Text<'_>>],
            &self.executions.response_headers as &[Option<Text<'_>>],
            &self.executions.response_bodies as &[Option<Text<'_>>],
            &self.executions.error_messages as &[Option<Text<'_>>],
            &self.finished.event_row_ids,
            &self.finished.configuration_ids,
            &self.postponed.event_row_ids,
            &self.postponed.configuration_ids,
            &self.postponed.attempts,
            &self.postponed.after_ms,
            &self.postponed.hold_reasons as &[Option<&str>],
            &self.queued.event_row_ids,
            &self.queued.configuration_ids,
            &self.queued.tenants as &[&str],
            &self.queued.event_accepted_at,
            &self.queued.attempts,
            &self.queued.after_ms,
            &self.queued.hold_reasons as &[Option<&str>],
            closed_batches,
            &self.configurations.ids,
            &self.configurations.tenants as &[&str],
            &self.configurations.failures,
            &self.configurations.succeeded,
            &self.configurations.failed,
            &self.domains.ids,
            &self.domains.tenants as &[&str],
            &self.domains.callbacks,
            &self.domains.failed,
        );
        let rows = within(connection.patience(), query.fetch_all(&mut *connection))
            .await
            .map_err(StoreError::from)?;
        connection.keep();
        if rows.is_empty() {
            return Err(SettleError::Fenced);
        }
        let mut settlement = Settlement::default();
        for row in rows {
            if let (Some(id), Some(tenant), Some(count)) =
                (row.configuration_id, row.tenant_id, row.failure_count)
            {
                settlement.over_threshold.push((id.into(), stored_tenant(tenant)?, count));
            }
        }
        Ok(settlement)
    }
}
