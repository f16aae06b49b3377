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
    let columns = EventColumns::of(events);
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
        .fetch_one(&store.api)
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
    let query = sqlx::query!(
        r#"
        WITH fence AS MATERIALIZED (
            SELECT now() AS accepted_at FROM workers WHERE id = $1 FOR KEY SHARE
        ), batch AS (
            INSERT INTO intake_batches (worker_id, accepted_at, first_event, last_event)
            SELECT $1, accepted_at, $2, $3 FROM fence WHERE $4
            RETURNING id
        ), stored AS (
            INSERT INTO events (id, accepted_at, batch_id, tenant_id, source, source_event_id, event_type, content_type,
                                occurred_at, headers, targets, payload)
            SELECT e.id, f.accepted_at, b.id, e.tenant_id, e.source, e.source_event_id, e.event_type, e.content_type,
                   e.occurred_at, e.headers, ($16::uuid[])[e.first_target:e.last_target], e.payload
            FROM fence f
            CROSS JOIN UNNEST($5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::text[], $10::text[], $11::timestamptz[],
                              $12::text[], $13::int[], $14::int[], $15::bytea[])
                AS e(id, tenant_id, source, source_event_id, event_type, content_type, occurred_at, headers,
                     first_target, last_target, payload)
            LEFT JOIN batch b ON true
        )
        SELECT accepted_at AS "accepted_at!", (SELECT id FROM batch) AS batch_id FROM fence
        "#,
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
    let query = sqlx::query!(
        r#"
        WITH fence AS MATERIALIZED (
            SELECT now() AS accepted_at FROM workers WHERE id = $1 FOR KEY SHARE
        ), input AS MATERIALIZED (
            SELECT f.accepted_at, e.*
            FROM fence f
            CROSS JOIN UNNEST($4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::timestamptz[],
                              $11::text[], $12::int[], $13::int[], $14::bytea[], $15::text[], $16::bool[])
                WITH ORDINALITY
                AS e(id, tenant_id, source, source_event_id, event_type, content_type, occurred_at, headers,
                     first_target, last_target, payload, event_id, held, position)
        ), seen AS (
            INSERT INTO event_ids AS known (tenant_id, event_id, source, row_id, accepted_at, matched)
            SELECT tenant_id, event_id, source, id, accepted_at, last_target - first_target + 1
            FROM input WHERE event_id IS NOT NULL
            ORDER BY tenant_id, event_id, source
            ON CONFLICT (tenant_id, event_id, source) DO UPDATE SET
                row_id = CASE WHEN known.accepted_at < now() - $17::bigint * interval '1 millisecond'
                              THEN EXCLUDED.row_id ELSE known.row_id END,
                matched = CASE WHEN known.accepted_at < now() - $17::bigint * interval '1 millisecond'
                               THEN EXCLUDED.matched ELSE known.matched END,
                accepted_at = CASE WHEN known.accepted_at < now() - $17::bigint * interval '1 millisecond'
                                   THEN EXCLUDED.accepted_at ELSE known.accepted_at END
            RETURNING tenant_id, event_id, source, row_id, matched
        ), repeated AS (
            SELECT i.position, s.row_id, s.matched
            FROM input i
            JOIN seen s ON s.tenant_id = i.tenant_id AND s.event_id = i.event_id AND s.source = i.source
            WHERE s.row_id <> i.id
        ), fresh AS MATERIALIZED (
            SELECT * FROM input i WHERE NOT EXISTS (SELECT FROM repeated r WHERE r.position = i.position)
        ), batch AS (
            INSERT INTO intake_batches (worker_id, accepted_at, first_event, last_event)
            SELECT $1, accepted_at, $2, $3 FROM fence WHERE EXISTS (SELECT FROM fresh WHERE held)
            RETURNING id
        ), stored AS (
            INSERT INTO events (id, accepted_at, batch_id, tenant_id, event_id, source, source_event_id, event_type,
                                content_type, occurred_at, headers, targets, payload)
            SELECT e.id, e.accepted_at, b.id, e.tenant_id, e.event_id, e.source, e.source_event_id, e.event_type,
                   e.content_type, e.occurred_at, e.headers, ($18::uuid[])[e.first_target:e.last_target], e.payload
            FROM fresh e LEFT JOIN batch b ON true
        ), queued AS (
            INSERT INTO delivery_queue (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, due_at,
                                        hold_reason)
            SELECT e.id, q.configuration_id, e.tenant_id, e.accepted_at, 1, e.accepted_at, q.hold_reason
            FROM UNNEST($19::uuid[], $20::uuid[], $21::text[]) AS q(event_row_id, configuration_id, hold_reason)
            JOIN fresh e ON e.id = q.event_row_id
            ORDER BY e.id, q.configuration_id
        ), skipped AS (
            INSERT INTO callback_executions (id, started_at, tenant_id, configuration_id, event_row_id, event_id,
                                             source_event_id, event_type, status, attempt, max_attempts, error_message)
            SELECT s.id, e.accepted_at, e.tenant_id, s.configuration_id, e.id, e.event_id, e.source_event_id,
                   e.event_type, 'SKIPPED', 0, 0, s.reason
            FROM UNNEST($22::uuid[], $23::uuid[], $24::uuid[], $25::text[])
                AS s(id, event_row_id, configuration_id, reason)
            JOIN fresh e ON e.id = s.event_row_id
        )
        SELECT accepted_at AS "accepted_at!",
               (SELECT id FROM batch) AS batch_id,
               (SELECT array_agg(position ORDER BY position) FROM repeated) AS "positions?",
               (SELECT array_agg(row_id ORDER BY position) FROM repeated) AS "row_ids?",
               (SELECT array_agg(matched ORDER BY position) FROM repeated) AS "matched?"
        FROM fence
        "#,
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
