//! The one queue of everything that waits outside a worker's memory: claims by lane, discovery, release, size.

use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId, WorkerId};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::event_ref::{EventRef, stored_event_type, stored_tenant};
use crate::hot_connections::within;
use crate::store::Store;

/// A delivery leased to this worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Its event. When the event is gone (retention), its type reads `unknown`.
    pub event: EventRef,
    /// The payload as received; `None` when retention removed the event, so that the delivery can only be failed.
    pub payload: Option<Bytes>,
    /// The producer's headers as a JSON object.
    pub headers: Option<String>,
    /// Media type of the payload.
    pub content_type: Option<String>,
    /// When the event happened, according to the producer.
    pub occurred_at: Option<OffsetDateTime>,
    /// Who produced it; empty when unknown.
    pub source: String,
    /// Where it goes.
    pub configuration_id: ConfigurationId,
    /// Number of the attempt to make now, from 1.
    pub attempt: i16,
    /// How many attempts were made before the delivery was last replayed: they do not count against its retries.
    pub attempts_before: i16,
}

/// Leases due deliveries to `worker`: of each lane at most its quota, oldest due first. Nothing is claimed of a lane that
/// is not named, however much it holds, and rows another worker is claiming are passed over. Empty when the worker has
/// lost its own lease.
///
/// # Errors
/// When the database fails. After `Unavailable` rows may have been leased that no one knows of: see [`release_all_but`].
pub async fn claim(
    store: &Store,
    worker: WorkerId,
    lanes: &[(ConfigurationId, i32)],
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let (configurations, quotas): (Vec<Uuid>, Vec<i32>) =
        lanes.iter().map(|(id, quota)| (id.uuid(), *quota)).unzip();
    let mut connection = store.queue.acquire().await?;
    let query = sqlx::query_as!(
        ClaimedRow,
        r#"
        WITH fence AS MATERIALIZED (
            SELECT FROM workers WHERE id = $1 FOR KEY SHARE
        ), picked AS MATERIALIZED (
            SELECT due.event_row_id, due.configuration_id
            FROM fence
            CROSS JOIN UNNEST($2::uuid[], $3::int[]) AS lane(configuration_id, quota)
            CROSS JOIN LATERAL (
                SELECT q.event_row_id, q.configuration_id
                FROM delivery_queue q
                WHERE q.configuration_id = lane.configuration_id AND q.leased_by IS NULL AND q.due_at <= now()
                ORDER BY q.due_at
                LIMIT lane.quota
                FOR UPDATE SKIP LOCKED
            ) AS due
        ), leased AS (
            UPDATE delivery_queue q SET leased_by = $1
            FROM picked p
            WHERE q.event_row_id = p.event_row_id AND q.configuration_id = p.configuration_id
            RETURNING q.event_row_id, q.configuration_id, q.tenant_id, q.event_accepted_at, q.attempt, q.attempts_before,
                      q.due_at
        )
        SELECT l.event_row_id, l.configuration_id, l.tenant_id, l.event_accepted_at, l.attempt,
               l.attempts_before, e.event_id, e.source AS "source?", e.source_event_id, e.event_type AS "event_type?", e.content_type,
               e.occurred_at, e.headers, e.payload AS "payload?"
        FROM leased l
        LEFT JOIN events e ON e.id = l.event_row_id AND e.accepted_at = l.event_accepted_at
        ORDER BY l.due_at, l.event_row_id
        "#,
        worker.uuid(),
        &configurations,
        &quotas,
    );
    let rows = within(connection.patience(), query.fetch_all(&mut *connection)).await?;
    connection.keep();
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let mut delivery = ClaimedDelivery::try_from(row)?;
        if let Some(stored) = delivery.payload.take() {
            let event = &delivery.event;
            let payload = store.payload(&event.tenant, event.row_id.uuid(), stored).await?;
            delivery.payload = payload;
        }
        claimed.push(delivery);
    }
    Ok(claimed)
}

struct ClaimedRow {
    event_row_id: Uuid,
    configuration_id: Uuid,
    tenant_id: String,
    event_accepted_at: OffsetDateTime,
    attempt: i16,
    attempts_before: i16,
    event_id: Option<String>,
    source: Option<String>,
    source_event_id: Option<Uuid>,
    event_type: Option<String>,
    content_type: Option<String>,
    occurred_at: Option<OffsetDateTime>,
    headers: Option<String>,
    payload: Option<Vec<u8>>,
}

impl TryFrom<ClaimedRow> for ClaimedDelivery {
    type Error = StoreError;

    fn try_from(row: ClaimedRow) -> Result<Self, StoreError> {
        Ok(Self {
            event: EventRef {
                row_id: row.event_row_id.into(),
                accepted_at: row.event_accepted_at,
                tenant: stored_tenant(&row.tenant_id)?,
                event_id: row.event_id,
                source_event_id: row.source_event_id,
                event_type: event_type_or_unknown(row.event_type)?,
            },
            payload: row.payload.map(Bytes::from),
            headers: row.headers,
            content_type: row.content_type,
            occurred_at: row.occurred_at,
            source: row.source.unwrap_or_default(),
            configuration_id: row.configuration_id.into(),
            attempt: row.attempt,
            attempts_before: row.attempts_before,
        })
    }
}

fn event_type_or_unknown(stored: Option<String>) -> Result<EventType, StoreError> {
    stored_event_type(stored.unwrap_or_else(|| "unknown".to_owned()))
}

/// Every lane with unleased deliveries and how long until its first is due (zero = due now), of all tenants. A skip scan:
/// its cost grows with the number of lanes, not of deliveries; still, ask about once a second.
///
/// # Errors
/// When the database fails.
pub async fn due_lanes(store: &Store) -> Result<Vec<(ConfigurationId, Duration)>, StoreError> {
    let mut connection = store.queue.acquire().await?;
    let query = sqlx::query!(
        r#"
        WITH RECURSIVE lanes AS (
            (SELECT configuration_id FROM delivery_queue ORDER BY configuration_id LIMIT 1)
            UNION ALL
            SELECT (SELECT q.configuration_id FROM delivery_queue q
                    WHERE q.configuration_id > lanes.configuration_id
                    ORDER BY q.configuration_id LIMIT 1)
            FROM lanes WHERE lanes.configuration_id IS NOT NULL
        )
        SELECT lanes.configuration_id AS "configuration_id!",
               greatest(ceil(extract(epoch FROM first.due_at - now()) * 1000), 0)::bigint AS "due_in_ms!"
        FROM lanes
        CROSS JOIN LATERAL (
            SELECT q.due_at FROM delivery_queue q
            WHERE q.configuration_id = lanes.configuration_id AND q.leased_by IS NULL
            ORDER BY q.due_at LIMIT 1
        ) AS first
        WHERE lanes.configuration_id IS NOT NULL
        "#
    );
    let rows = within(connection.patience(), query.fetch_all(&mut *connection)).await?;
    connection.keep();
    let lane = |id: Uuid, ms: i64| (id.into(), Duration::from_millis(ms.unsigned_abs()));
    Ok(rows.into_iter().map(|row| lane(row.configuration_id, row.due_in_ms)).collect())
}

/// Ends leases of deliveries that were claimed and never tried; they are due as before.
///
/// # Errors
/// When the database fails.
pub async fn release(
    store: &Store,
    worker: WorkerId,
    deliveries: &[(EventRowId, ConfigurationId)],
) -> Result<(), StoreError> {
    let (events, configurations) = keys(deliveries);
    let mut connection = store.queue.acquire().await?;
    let query = sqlx::query!(
        r#"
        UPDATE delivery_queue q SET leased_by = NULL
        FROM UNNEST($2::uuid[], $3::uuid[]) AS d(event_row_id, configuration_id)
        WHERE q.event_row_id = d.event_row_id AND q.configuration_id = d.configuration_id AND q.leased_by = $1
        "#,
        worker.uuid(),
        &events,
        &configurations,
    );
    within(connection.patience(), query.execute(&mut *connection)).await?;
    connection.keep();
    Ok(())
}

/// Ends all leases of `worker` but those it knows of: for use after a claim whose answer was lost, while no other claim
/// of this worker is running. Reads the whole queue. Returns how many leases ended.
///
/// # Errors
/// When the database fails.
pub async fn release_all_but(
    store: &Store,
    worker: WorkerId,
    known: &[(EventRowId, ConfigurationId)],
) -> Result<u64, StoreError> {
    let (events, configurations) = keys(known);
    let mut connection = store.queue.acquire().await?;
    let query = sqlx::query!(
        r#"
        UPDATE delivery_queue q SET leased_by = NULL
        WHERE q.leased_by = $1
          AND NOT EXISTS (SELECT FROM UNNEST($2::uuid[], $3::uuid[]) AS d(event_row_id, configuration_id)
                          WHERE q.event_row_id = d.event_row_id AND q.configuration_id = d.configuration_id)
        "#,
        worker.uuid(),
        &events,
        &configurations,
    );
    let done = within(connection.patience(), query.execute(&mut *connection)).await?;
    connection.keep();
    Ok(done.rows_affected())
}

fn keys(deliveries: &[(EventRowId, ConfigurationId)]) -> (Vec<Uuid>, Vec<Uuid>) {
    deliveries.iter().map(|(event, configuration)| (event.uuid(), configuration.uuid())).unzip()
}

/// How full the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStatistics {
    /// Rows, leased ones included. Beyond 100,000 PostgreSQL's estimate, which saves reading them all.
    pub deliveries: u64,
    /// How long the delivery that has been due longest has waited, held ones included; `None` when nothing is due.
    pub oldest_due: Option<Duration>,
}

/// Measures the queue across tenants.
///
/// # Errors
/// When the database fails.
pub async fn stats(store: &Store) -> Result<QueueStatistics, StoreError> {
    let row = sqlx::query!(
        r#"
        WITH RECURSIVE estimate AS (
            SELECT reltuples::bigint AS rows FROM pg_class WHERE oid = 'delivery_queue'::regclass
        ), lanes AS (
            (SELECT configuration_id FROM delivery_queue ORDER BY configuration_id LIMIT 1)
            UNION ALL
            SELECT (SELECT q.configuration_id FROM delivery_queue q
                    WHERE q.configuration_id > lanes.configuration_id
                    ORDER BY q.configuration_id LIMIT 1)
            FROM lanes WHERE lanes.configuration_id IS NOT NULL
        ), oldest AS (
            SELECT min((SELECT q.due_at FROM delivery_queue q
                        WHERE q.configuration_id = lanes.configuration_id AND q.leased_by IS NULL
                        ORDER BY q.due_at LIMIT 1)) AS due_at
            FROM lanes
        )
        SELECT CASE WHEN estimate.rows > 100000 THEN estimate.rows
                    ELSE (SELECT count(*) FROM delivery_queue) END AS "deliveries!",
               CASE WHEN oldest.due_at <= now()
                    THEN (extract(epoch FROM now() - oldest.due_at) * 1000)::bigint END AS oldest_due_ms
        FROM estimate, oldest
        "#
    )
    .fetch_one(&store.engine)
    .await?;
    Ok(QueueStatistics {
        deliveries: row.deliveries.unsigned_abs(),
        oldest_due: row.oldest_due_ms.map(|ms| Duration::from_millis(ms.unsigned_abs())),
    })
}
