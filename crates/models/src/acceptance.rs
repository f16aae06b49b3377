//! The way in: one statement stores a flush of events and the lease of its first attempts, or writes nothing.

use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId, WorkerId};
use callbacks_interfaces::tenant::TenantId;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::event_columns::{EventColumns, QueuedColumns, SkippedColumns};
use crate::hot_connections::within;
use crate::store::Store;

/// An event to store, with what routing decided about it.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id, drawn in increasing order within the flush.
    pub row_id: EventRowId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The producer's id; `None` = none was given, so it cannot be recognised again.
    pub event_id: Option<String>,
    /// Who produced it; part of what makes `event_id` unique. Empty when unknown.
    pub source: String,
    /// The id as a UUID; `None` = the row's id.
    pub source_event_id: Option<Uuid>,
    /// Its type.
    pub event_type: EventType,
    /// Media type of the payload.
    pub content_type: Option<String>,
    /// When it happened, according to the producer.
    pub occurred_at: Option<OffsetDateTime>,
    /// The producer's headers as a JSON object.
    pub headers: Option<String>,
    /// The payload as received.
    pub payload: bytes::Bytes,
    /// Every configuration that gets a delivery.
    pub targets: Vec<ConfigurationId>,
    /// Those of `targets` that wait in the queue instead of this worker's memory, each with the reason of its hold.
    pub queued: Vec<(ConfigurationId, Option<&'static str>)>,
    /// Configurations that matched and yet get nothing; not among `targets`.
    pub skipped: Vec<SkippedTarget>,
}

/// A configuration that gets no delivery of an event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTarget {
    /// The configuration.
    pub configuration_id: ConfigurationId,
    /// The reason its execution row shows.
    pub reason: String,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Stored.
    Stored,
    /// The producer's id was seen within the window: nothing was stored.
    Duplicate {
        /// The event it repeats.
        row_id: EventRowId,
        /// How many configurations that one matched.
        matched: i32,
    },
}

/// A committed flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedBatch {
    /// The lease of the first attempts held in memory; `None` when there are none.
    pub batch_id: Option<i64>,
    /// The database's time of the commit, the same for the whole flush.
    pub accepted_at: OffsetDateTime,
    /// One answer an event, in the order given.
    pub events: Vec<Acceptance>,
}

/// Why a flush was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The worker's row is gone: others have taken over its work. Nothing was written.
    #[error("this worker has lost its lease")]
    Fenced,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores `events` for `worker` in one statement and one commit.
///
/// The same (tenant, event id, source) must not be given twice in one call. After [`StoreError::Unavailable`] the flush
/// may have been committed: see [`crate::recovery::recover_unconfirmed_batch`].
///
/// # Errors
/// `Fenced` when the worker's row is gone, otherwise the database's failure; in both cases nothing is written.
pub async fn accept(
    store: &Store,
    worker: WorkerId,
    events: &[NewEvent],
) -> Result<AcceptedBatch, AcceptError> {
    let sealed = store.payload_keys.stored_payloads(events);
    let columns = EventColumns::of(events, &sealed);
    // What recovery looks between, so it must hold even for a caller that drew its ids out of order.
    let (Some(first), Some(last)) = (columns.ids.iter().min(), columns.ids.iter().max()) else {
        return accept_nothing(store).await;
    };
    let range = (*first, *last);
    let plain = events
        .iter()
        .all(|event| event.event_id.is_none() && event.queued.is_empty() && event.skipped.is_empty());
    if plain {
        accept_plain(store, worker, &columns, range, events.len()).await
    } else {
        accept_with_ids(store, worker, events, &columns, range).await
    }
}

async fn accept_nothing(store: &Store) -> Result<AcceptedBatch, AcceptError> {
    let accepted_at = sqlx::query_scalar!(r#"SELECT now() AS "now!""#)
        .fetch_one(&store.engine)
        .await
        .map_err(StoreError::from)?;
    Ok(AcceptedBatch { batch_id: None, accepted_at, events: Vec::new() })
}

/// The fast path: nothing to recognise, nothing for the queue.
async fn accept_plain(
    store: &Store,
    worker: WorkerId,
    columns: &EventColumns<'_>,
    (first, last): (Uuid, Uuid),
    count: usize,
) -> Result<AcceptedBatch, AcceptError> {
    let mut connection = store.intake.acquire().await.map_err(StoreError::from)?;
    let query = sqlx::query_file!(
        "src/acceptance_plain.sql",
        worker.uuid(),
        first,
        last,
        columns.held.contains(&true),
        &columns.ids,
        &columns.tenants as &[&str],
        &columns.sources as &[std::borrow::Cow<'_, str>],
        &columns.source_event_ids as &[Option<Uuid>],
        &columns.event_types as &[&str],
        &columns.content_types as &[Option<std::borrow::Cow<'_, str>>],
        &columns.occurred_at as &[Option<OffsetDateTime>],
        &columns.headers as &[Option<std::borrow::Cow<'_, str>>],
        &columns.first_targets,
        &columns.last_targets,
        &columns.payloads as &[&[u8]],
        &columns.targets,
    );
    let row = within(connection.patience(), query.fetch_optional(&mut *connection))
        .await
        .map_err(StoreError::from)?;
    connection.keep();
    let row = row.ok_or(AcceptError::Fenced)?;
    Ok(AcceptedBatch {
        batch_id: row.batch_id,
        accepted_at: row.accepted_at,
        events: vec![Acceptance::Stored; count],
    })
}

/// The full statement: recognises producers' ids, queues what does not fit in memory, records what is skipped.
/// A repeated id within the window leaves its row as it was and answers with it; a forgotten one is taken over.
async fn accept_with_ids(
    store: &Store,
    worker: WorkerId,
    events: &[NewEvent],
    columns: &EventColumns<'_>,
    (first, last): (Uuid, Uuid),
) -> Result<AcceptedBatch, AcceptError> {
    let queued = QueuedColumns::of(events);
    let skipped = SkippedColumns::of(events);
    let mut connection = store.intake.acquire().await.map_err(StoreError::from)?;
    let query = sqlx::query_file!(
        "src/acceptance_with_ids.sql",
        worker.uuid(),
        first,
        last,
        &columns.ids,
        &columns.tenants as &[&str],
        &columns.sources as &[std::borrow::Cow<'_, str>],
        &columns.source_event_ids as &[Option<Uuid>],
        &columns.event_types as &[&str],
        &columns.content_types as &[Option<std::borrow::Cow<'_, str>>],
        &columns.occurred_at as &[Option<OffsetDateTime>],
        &columns.headers as &[Option<std::borrow::Cow<'_, str>>],
        &columns.first_targets,
        &columns.last_targets,
        &columns.payloads as &[&[u8]],
        &columns.event_ids as &[Option<std::borrow::Cow<'_, str>>],
        &columns.held,
        i64::try_from(store.dedup_window.as_millis()).unwrap_or(i64::MAX),
        &columns.targets,
        &queued.event_row_ids,
        &queued.configuration_ids,
        &queued.hold_reasons as &[Option<&str>],
        &skipped.ids,
        &skipped.event_row_ids,
        &skipped.configuration_ids,
        &skipped.reasons as &[std::borrow::Cow<'_, str>],
    );
    let row = within(connection.patience(), query.fetch_optional(&mut *connection))
        .await
        .map_err(StoreError::from)?;
    connection.keep();
    let row = row.ok_or(AcceptError::Fenced)?;
    let repeated = row
        .positions
        .unwrap_or_default()
        .into_iter()
        .zip(row.row_ids.unwrap_or_default())
        .zip(row.matched.unwrap_or_default());
    let mut answers = vec![Acceptance::Stored; events.len()];
    for ((position, row_id), matched) in repeated {
        // Positions count from 1.
        if let Some(answer) = answers.get_mut(usize::try_from(position - 1).unwrap_or(usize::MAX)) {
            *answer = Acceptance::Duplicate { row_id: row_id.into(), matched };
        }
    }
    Ok(AcceptedBatch { batch_id: row.batch_id, accepted_at: row.accepted_at, events: answers })
}
