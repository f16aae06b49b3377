//! Taking over from the dead: a worker's batches become queue rows, its leases end, its row goes.
//!
//! What a batch still owes is derived, not stored: the targets of its events, minus executions, minus queue rows.
//! The order matters. The worker's row is locked first, so that no late outcome can be written afterwards, and only
//! then, in a new snapshot, is read what it had written.

use std::time::Duration;

use callbacks_interfaces::ids::{ConfigurationId, EventRowId, WorkerId};
use sqlx::types::Uuid;
use sqlx::{Connection, PgConnection};

use crate::error::StoreError;
use crate::hot_connections::within;
use crate::store::Store;

/// How long one recovery may take: it moves all a worker had in flight.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

/// A dead worker's work, now in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The worker that died.
    pub worker: WorkerId,
    /// Deliveries that were in its memory or leased by it.
    pub deliveries: u64,
    /// Their configurations, each once: lanes that have due work now.
    pub configurations: Vec<ConfigurationId>,
}

/// Takes over from every worker whose heartbeat is older than `stale_after`, one transaction each. Several processes may
/// try at once; each dead worker is taken by one of them.
///
/// # Errors
/// When the database fails; what was taken over before stays so.
pub async fn recover_dead_across_tenants(
    store: &Store,
    stale_after: Duration,
) -> Result<Vec<Recovered>, StoreError> {
    let stale_ms = i64::try_from(stale_after.as_millis()).unwrap_or(i64::MAX);
    let mut recovered = Vec::new();
    loop {
        let mut connection = store.queue.acquire().await?;
        let one = within(RECOVERY_LIMIT, recover_one(&mut connection, stale_ms)).await?;
        connection.keep();
        match one {
            Some(one) => recovered.push(one),
            None => return Ok(recovered),
        }
    }
}

async fn recover_one(connection: &mut PgConnection, stale_ms: i64) -> Result<Option<Recovered>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let dead = sqlx::query_scalar!(
        r#"
        SELECT id FROM workers
        WHERE heartbeat_at < now() - $1::bigint * interval '1 millisecond'
        ORDER BY heartbeat_at LIMIT 1
        FOR UPDATE SKIP LOCKED
        "#,
        stale_ms
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(dead) = dead else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let configurations = take_over(&mut transaction, dead).await?;
    transaction.commit().await?;
    Ok(Some(summary(dead, configurations)))
}

/// Ends `worker` in an orderly way: what it still holds goes to the queue, due now, and its row is deleted. Returns how
/// many deliveries that were.
///
/// # Errors
/// When the database fails; the row then stays, and others recover it as if the worker had died.
pub async fn release_worker(store: &Store, worker: WorkerId) -> Result<u64, StoreError> {
    let mut connection = store.queue.acquire().await?;
    let work = async {
        let mut transaction = connection.begin().await?;
        let alive = sqlx::query_scalar!("SELECT id FROM workers WHERE id = $1 FOR UPDATE", worker.uuid())
            .fetch_optional(&mut *transaction)
            .await?;
        let configurations = match alive {
            Some(id) => take_over(&mut transaction, id).await?,
            None => Vec::new(),
        };
        transaction.commit().await?;
        Ok(configurations.len() as u64)
    };
    let moved = within(RECOVERY_LIMIT, work).await?;
    connection.keep();
    Ok(moved)
}

/// Moves everything of a worker whose row is locked. Returns the configuration of each delivery.
async fn take_over(connection: &mut PgConnection, worker: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query!("SET LOCAL statement_timeout = '60s'").execute(&mut *connection).await?;
    let batches = sqlx::query_scalar!("SELECT id FROM intake_batches WHERE worker_id = $1", worker)
        .fetch_all(&mut *connection)
        .await?;
    let mut configurations = queue_what_is_owed(connection, &batches).await?;
    let leased = sqlx::query_scalar!(
        "UPDATE delivery_queue SET leased_by = NULL WHERE leased_by = $1 RETURNING configuration_id",
        worker
    )
    .fetch_all(&mut *connection)
    .await?;
    configurations.extend(leased);
    delete_batches(connection, &batches).await?;
    sqlx::query!("DELETE FROM workers WHERE id = $1", worker).execute(&mut *connection).await?;
    Ok(configurations)
}

/// Targets minus executions minus queue rows, of all events of the batches. An execution may start before the database's
/// time of acceptance by as much as the clocks differ; a day's allowance still leaves all other partitions unread.
async fn queue_what_is_owed(
    connection: &mut PgConnection,
    batches: &[i64],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        INSERT INTO delivery_queue (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, due_at)
        SELECT e.id, target.configuration_id, e.tenant_id, e.accepted_at, 1, now()
        FROM intake_batches b
        JOIN events e ON e.accepted_at = b.accepted_at AND e.id BETWEEN b.first_event AND b.last_event
                     AND e.batch_id = b.id
        CROSS JOIN LATERAL unnest(e.targets) AS target(configuration_id)
        WHERE b.id = ANY ($1::bigint[])
          AND NOT EXISTS (
              SELECT FROM callback_executions x
              WHERE x.event_row_id = e.id AND x.configuration_id = target.configuration_id
                AND x.started_at >= b.accepted_at - interval '1 day')
        ORDER BY e.id, target.configuration_id
        ON CONFLICT (event_row_id, configuration_id) DO NOTHING
        RETURNING configuration_id
        "#,
        batches
    )
    .fetch_all(connection)
    .await
}

async fn delete_batches(connection: &mut PgConnection, batches: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM intake_batches WHERE id = ANY ($1::bigint[])", batches)
        .execute(connection)
        .await?;
    Ok(())
}

/// Settles the doubt after an acceptance that failed with `Unavailable`: if its batch was committed after all, its
/// deliveries go to the queue, due now, because no memory holds them. Returns their configurations; empty when nothing
/// had been committed. To be called before `first_event` is used for anything else, and only by the batch's own worker.
///
/// # Errors
/// When the database fails (again): the doubt remains, so call it again.
pub async fn recover_unconfirmed_batch(
    store: &Store,
    worker: WorkerId,
    first_event: EventRowId,
) -> Result<Vec<ConfigurationId>, StoreError> {
    let mut connection = store.queue.acquire().await?;
    let work = async {
        let mut transaction = connection.begin().await?;
        let batches = sqlx::query_scalar!(
            r#"
            SELECT b.id FROM intake_batches b
            JOIN (SELECT id FROM workers WHERE id = $1 FOR KEY SHARE) w ON w.id = b.worker_id
            WHERE b.first_event = $2
            "#,
            worker.uuid(),
            first_event.uuid()
        )
        .fetch_all(&mut *transaction)
        .await?;
        let configurations = queue_what_is_owed(&mut transaction, &batches).await?;
        delete_batches(&mut transaction, &batches).await?;
        transaction.commit().await?;
        Ok(configurations)
    };
    let configurations = within(RECOVERY_LIMIT, work).await?;
    connection.keep();
    Ok(distinct(configurations))
}

fn summary(worker: Uuid, configurations: Vec<Uuid>) -> Recovered {
    Recovered {
        worker: worker.into(),
        deliveries: configurations.len() as u64,
        configurations: distinct(configurations),
    }
}

fn distinct(mut configurations: Vec<Uuid>) -> Vec<ConfigurationId> {
    configurations.sort_unstable();
    configurations.dedup();
    configurations.into_iter().map(ConfigurationId::from).collect()
}
