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
    let sealed = store.payload_keys.stored_bodies(items);
    let flush = Flush {
        executions: ExecutionColumns::of(items, &sealed),
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
    async fn write(
        &self,
        store: &Store,
        worker: WorkerId,
        closed_batches: &[i64],
    ) -> Result<Settlement, SettleError> {
        let mut connection = store.settlement.acquire().await.map_err(StoreError::from)?;
        let query = sqlx::query_file_as!(
            OverThreshold,
            "src/settlement.sql",
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
        let found = rows.into_iter().filter_map(OverThreshold::named);
        Ok(Settlement { over_threshold: found.collect::<Result<_, _>>()? })
    }
}

/// A line of the statement's answer; without values when nothing reached its threshold.
struct OverThreshold {
    configuration_id: Option<Uuid>,
    tenant_id: Option<String>,
    failure_count: Option<i32>,
}

impl OverThreshold {
    fn named(self) -> Option<Result<(ConfigurationId, TenantId, i32), StoreError>> {
        let (id, count) = (self.configuration_id?.into(), self.failure_count?);
        let tenant = stored_tenant(&self.tenant_id?);
        Some(tenant.map(|tenant| (id, tenant, count)))
    }
}
